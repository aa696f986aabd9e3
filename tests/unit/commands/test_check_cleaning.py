"""``status check``: how devices are cleaned, and whether that can be written down."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nova_accel.commands.checks import places
from tests.unit.commands.broken import FAILURE, WARNING, Broken
from tests.unit.commands.checked_host import CheckedHost
from tests.unit.commands.conftest import as_nobody


def say(option: str) -> Callable[[CheckedHost], object]:
    return lambda host: host.configure("[nova_accel]\n", f"[nova_accel]\n{option}\n")


def record_at(path: str) -> Callable[[CheckedHost], object]:
    return lambda host: host.configure(f"cleaning_record = {host.record_path}", f"cleaning_record = {path}")


def record_in(kind: str) -> Callable[[CheckedHost], object]:
    def mount(host: CheckedHost) -> None:
        with (host.root / "proc/self/mountinfo").open("a") as mounts:
            mounts.write(f"40 21 0:50 / {host.record_path.parent} rw - {kind} something rw\n")

    return mount


BROKEN = (
    Broken(
        "cleaning",
        "none",
        say("clean_methods = none"),
        WARNING,
        "a server reads what the one before it has written",
        "Take clean_methods out",
    ),
    Broken(
        "cleaning",
        "by others",
        say("one_time_use = true"),
        WARNING,
        "stays reserved until somebody else has cleaned it",
        "nova-accel device clean IDENTITY --done-by NAME",
    ),
    Broken(
        "cleaning record",
        "no such folder can be made",
        lambda host: record_at(f"{host.nova_conf}/cleaning.jsonl")(host),
        FAILURE,
        "nova.conf/cleaning.jsonl cannot be written by this user",
        "set cleaning_record",
    ),
    Broken(
        "cleaning record",
        "in the virtualenv",
        lambda host: setattr(host, "prefix", host.record_path.parent),
        WARNING,
        "which an upgrade may replace",
        "set [DEFAULT] state_path = /var/lib/nova, or cleaning_record",
    ),
    Broken(
        "cleaning record",
        "in memory",
        record_in("tmpfs"),
        WARNING,
        "lies on tmpfs, which does not outlive a reboot",
        "Set cleaning_record",
    ),
    Broken(
        "cleaning record",
        "remote",
        record_in("nfs4"),
        WARNING,
        "lies on nfs4, which is not this host's own",
        "to a file on a local disk",
    ),
)


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_what_is_broken_is_found_alone_with_what_to_do(is_found_alone, broken: Broken):
    is_found_alone(broken)


def test_whoever_wants_no_record_has_none(run, host: CheckedHost):
    record_at("")(host)
    assert run("status", "check", facts=host.facts).status == 0


def test_a_file_or_folder_of_somebody_else_cannot_be_written():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "record").touch(mode=0o444)
        for mode in (0o555, 0o000):
            (folder / f"{mode}").mkdir()
            (folder / f"{mode}").chmod(mode)
        with as_nobody():
            found = [
                places.is_writable(folder / place) for place in ("record", f"{0o555}/new/record", f"{0o000}/record")
            ]
    assert found == [False, False, False]
