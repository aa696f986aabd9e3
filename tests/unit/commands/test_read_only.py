"""Where nobody can write to the ledger: what only shows goes on, what acts says why not, and nothing is made beside it."""

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nova_accel.commands import existing
from nova_accel.commands.checks import cleaning
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId

READ_ONLY = "its file system is mounted read-only; see the kernel's log"
MOUNTED = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
NOVA_ACCEL = (sys.executable, "-c", "import sys; from nova_accel.commands.main import main; sys.exit(main())")


@pytest.fixture
def read_only(monkeypatch) -> None:
    monkeypatch.setattr(existing, "is_mounted_read_only", lambda path: True)


@contextlib.contextmanager
def cut_off(ledger: Ledger, ledger_path: Path) -> Iterator[None]:
    """Release a server, and keep that from getting into the file itself, as for a writer that was cut off."""
    with contextlib.closing(sqlite3.connect(ledger_path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM handle").fetchone()
        ledger.operator.drain("S4EVFREE", "fan to be changed")
        yield


def states(listed: str) -> dict[str, str]:
    return {row["identity"]: row["state"] for row in json.loads(listed)}


def test_what_shows_goes_on(run, ledger, ledger_path, read_only):
    listed = run("device", "list", "-f", "json")
    assert (listed.status, states(listed.out)["S4EVFREE"]) == (0, "available")
    assert run("device", "show", "S4EVFREE", "-f", "value", "-c", "state").out == "available\n"
    assert [file.name for file in ledger_path.parent.iterdir() if "sqlite-" in file.name] == []


def test_what_is_not_in_the_file_itself_yet_is_shown_too(run, ledger, ledger_path, read_only):
    with cut_off(ledger, ledger_path):
        assert states(run("device", "list", "-f", "json").out)["S4EVFREE"] == "drained"


@pytest.mark.parametrize("words", ["device drain S4EVFREE", "device undrain S4EVFREE", "device clean S4DIRTY"])
def test_what_acts_says_why_not(run, ledger, ledger_path, read_only, words):
    done = run(*words.split())
    assert (done.status, done.err) == (1, f"the ledger {ledger_path} cannot be used: {READ_ONLY}\n")


def test_nothing_is_written_by_what_was_opened_for_reading(ledger, ledger_path, read_only):
    opened = existing.open_for_reading(str(ledger_path))
    with pytest.raises(existing.LedgerError, match="readonly database"):
        opened.found_zero(HandleId("CUSTOM_SSD", "S4DIRTY"))


def test_where_it_can_be_written_the_file_is_opened_as_always(ledger, ledger_path):
    assert existing.open_for_reading(str(ledger_path)).revision == 0
    assert not existing.is_mounted_read_only(ledger_path)


def test_without_a_ledger_there_is_none_to_read(run, ledger_path, read_only):
    assert "there is none; nova-compute makes it" in run("device", "list").err


def test_the_checks_say_so_of_the_ledger(run, host, read_only):
    checked = run("status", "check", "-f", "json", facts=host.facts)
    [row] = [row for row in checked.json if row["result"] != "ok"]
    assert (row["check"], row["result"]) == ("ledger", "failure")
    assert row["found"].endswith(READ_ONLY)
    assert row["what to do"].startswith("Mount it read-write")


def test_the_checks_say_so_of_the_record(run, host, monkeypatch):
    monkeypatch.setattr(cleaning, "is_mounted_read_only", lambda path: True)
    checked = run("status", "check", "-f", "json", facts=host.facts)
    [row] = [row for row in checked.json if row["result"] != "ok"]
    assert (row["check"], row["result"]) == ("cleaning record", "failure")
    assert row["found"] == f"the file system of {host.record_path} is mounted read-only; see the kernel's log"


def mounted_read_only(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run something that sees a folder mounted read-only, which nothing else does."""
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", MOUNTED, "sh", str(folder), *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(
    shutil.which("unshare") is None, reason="the kernel's own tool to be alone with a mount is not here"
)
@pytest.mark.parametrize("cut", [False, True])
def test_so_it_is_on_a_file_system_that_is_mounted_read_only(ledger, ledger_path, nova_conf, cut):
    if mounted_read_only(ledger_path.parent, "true").returncode != 0:
        pytest.skip("this machine does not let its users mount anything, not even for themselves")
    nova_accel = (*NOVA_ACCEL, "--config-file", str(nova_conf), "device")
    with cut_off(ledger, ledger_path) if cut else contextlib.nullcontext():
        listed = mounted_read_only(ledger_path.parent, *nova_accel, "list", "-f", "json")
        drained = mounted_read_only(ledger_path.parent, *nova_accel, "drain", "S4EVUSED")
    assert (listed.stderr, states(listed.stdout)["S4EVFREE"]) == ("", "drained" if cut else "available")
    assert (drained.returncode, drained.stderr) == (1, f"the ledger {ledger_path} cannot be used: {READ_ONLY}\n")
