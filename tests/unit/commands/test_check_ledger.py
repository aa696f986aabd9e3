"""``status check``: whether the ledger is where it has to be, and whole."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg

from nova_accel.commands import configuration
from nova_accel.commands.checks import places
from tests.unit.commands.broken import FAILURE, WARNING, Broken
from tests.unit.commands.checked_host import CheckedHost


def damage(host: CheckedHost) -> None:
    """Overwrite the pages behind the first one, whose header stays good."""
    with sqlite3.connect(host.ledger_path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = host.ledger_path.read_bytes()
    host.ledger_path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))


def older(host: CheckedHost) -> None:
    with sqlite3.connect(host.ledger_path) as connection:
        connection.execute("PRAGMA user_version = 1")


def ledger_on(kind: str) -> Callable[[CheckedHost], object]:
    def mount(host: CheckedHost) -> None:
        with (host.root / "proc/self/mountinfo").open("a") as mounts:
            mounts.write(f"40 21 0:50 / {host.ledger_path.parent} rw - {kind} something rw\n")

    return mount


def fill(host: CheckedHost) -> None:
    host.configure(f"cleaning_record = {host.record_path}", "cleaning_record =")
    host.free_bytes = 3 * 1024**2


BROKEN = (
    Broken("ledger", "older", older, FAILURE, "it has schema 1, of an older nova_accel", "start nova-compute"),
    Broken("ledger", "damaged", damage, FAILURE, "is damaged", "begins a new one"),
    Broken(
        "ledger", "in memory", ledger_on("tmpfs"), FAILURE, "lies on tmpfs, which does not outlive", "set ledger_path"
    ),
    Broken(
        "ledger", "remote", ledger_on("nfs4"), FAILURE, "lies on nfs4, which is not this host's own", "to a local disk"
    ),
    Broken(
        "ledger",
        "in the virtualenv",
        lambda host: setattr(host, "prefix", host.ledger_path.parent),
        WARNING,
        "which an upgrade may replace",
        "set [DEFAULT] state_path = /var/lib/nova, or ledger_path",
    ),
    Broken(
        "ledger",
        "disk full",
        fill,
        WARNING,
        "only 3 MiB are left where",
        "while it cannot be written nothing is offered",
    ),
)


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_what_is_broken_is_found_alone_with_what_to_do(is_found_alone, broken: Broken):
    is_found_alone(broken)


def test_where_it_cannot_be_used_for_want_of_room_that_is_said_and_not_another_path_advised(run, host: CheckedHost):
    fill(host)
    host.ledger_path.write_bytes(b"what SQLite cannot open" * 100)
    [row] = [row for row in run("status", "check", "-f", "json", facts=host.facts).json if row["check"] == "ledger"]
    assert (row["result"], row["what to do"][:9]) == ("failure", "Make room")


def none_on(kind: str) -> Callable[[CheckedHost], object]:
    def mount(host: CheckedHost) -> None:
        ledger_on(kind)(host)
        host.ledger_path.unlink()

    return mount


def none_and_no_room(host: CheckedHost) -> None:
    fill(host)
    host.ledger_path.unlink()


BEFORE_THE_FIRST_START = (
    Broken("ledger", "none", lambda host: host.ledger_path.unlink(), WARNING, "there is none", "Start nova-compute"),
    Broken("ledger", "none, in memory", none_on("tmpfs"), FAILURE, "lies on tmpfs", "set ledger_path"),
    Broken("ledger", "none, no room", none_and_no_room, WARNING, "only 3 MiB are left where", "Make room"),
)


@pytest.mark.parametrize("broken", BEFORE_THE_FIRST_START, ids=str)
def test_where_there_is_none_yet_its_place_is_looked_at(is_found_alone, host: CheckedHost, broken: Broken):
    is_found_alone(broken)
    assert not host.ledger_path.exists()


def test_where_none_could_be_made_that_is_said(run, host: CheckedHost):
    host.ledger_path.unlink()
    host.ledger_path.parent.rmdir()
    host.ledger_path.parent.write_text("")
    [row] = [row for row in run("status", "check", "-f", "json", facts=host.facts).json if row["check"] == "ledger"]
    assert row["result"] == "failure"


def test_without_a_ledger_only_the_ledger_is_complained_about(run, host: CheckedHost):
    host.ledger_path.unlink()
    checked = run("status", "check", "-f", "json", facts=host.facts)
    assert [row["check"] for row in checked.json if row["result"] != "ok"] == ["ledger"]
    assert not host.ledger_path.exists()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/my disk/ledger", "nfs4"),
        ("/srv/my diskette/ledger", ""),
        ("/srv/two/ledger", "tmpfs"),
        ("/srv/ledger", ""),
    ],
)
def test_what_a_path_lies_on_is_read_as_the_kernel_writes_it(host: CheckedHost, path: str, kind: str):
    with (host.root / "proc/self/mountinfo").open("a") as mounts:
        mounts.write("40 21 0:50 / /srv/my\\040disk rw - nfs4 server:/export rw\n")
        mounts.write("41 21 0:51 / /srv/two rw - ext4 /dev/sdb1 rw\n42 21 0:52 / /srv/two rw - tmpfs tmpfs rw\n")
    doubt = places.doubt(host.facts(configuration.read(cfg.ConfigOpts(), [str(host.nova_conf)])), Path(path))
    assert doubt.startswith(f"{path} lies on {kind}, ") if kind else doubt == ""
