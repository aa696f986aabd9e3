"""Whatever happens to the ledger's file: nova-compute goes on, and either there is a ledger or nothing is offered."""

import contextlib
import functools
import os
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_accel.exception import LedgerError, NotALedger
from nova_accel.ledger.cleanings import CleaningRecord, Underway
from nova_accel.ledger.entry import Sighting
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from nova_accel.virt.ledger_guard import LedgerGuard

A, B = HandleId("CUSTOM_SSD", "SERIAL-A"), HandleId("CUSTOM_SSD", "SERIAL-B")
SERVER = "8c1f3c0e-4b1f-4b06-9a53-1f2f3b0d0a01"


def filled(path: Path) -> Ledger:
    """A ledger with something in each of its tables, all of it in the file itself."""
    ledger = Ledger(str(path))
    for handle in (A, B):
        ledger.add(handle, f"ssd_{handle.identity}", "new")
        ledger.found_zero(handle)
    ledger.claim([A], SERVER)
    ledger.sightings.add(Sighting("0000:01:00.0", "boot:1", A.identity, "nvme_ssd_driver", "eligible", "it is free"))
    ledger.cleanings.ended(CleaningRecord(B.identity, "format", "then", "later", "read", "clean", "1", None))
    ledger.cleanings.note(Underway(B.identity, "reading", 1, 2, "then"))
    ledger.left_behind.ask(A.identity, SERVER)
    return ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    filled(tmp_path / "ledger.sqlite")
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def guard(path: Path) -> LedgerGuard:
    guard = LedgerGuard(Ledger(str(path), open_now=False))
    guard.start()
    return guard


def aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob("*.broken-*Z"))


def in_schema(path: Path, old: str, new: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, ?)", (old, new))
    connection.close()


def in_bytes(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no SQLite file": lambda path: path.write_bytes(b"garbage" * 1000),
    "a byte of the schema that is no text": lambda path: in_bytes(path, b"left_behind", b"left_beh\xffnd"),
    "a column under another name": lambda path: in_schema(path, "resource_class TEXT NOT", "resource_clasz TEXT NOT"),
    "a column that is only written": lambda path: in_schema(path, "since  ", "sincf  "),
    "a state that there is not": lambda path: in_bytes(path, b"assigned", b"assignee"),
    "a value that is no text": lambda path: in_bytes(path, b"ssd_SERIAL-A", b"ssd_SERIAL\xff\xff"),
    "another type": lambda path: in_schema(path, "reason         TEXT NOT NULL", "reason         INT  NOT NULL"),
    "cut off": lambda path: os.truncate(path, 6000),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_ledger_that_is_damaged_while_nova_compute_runs_is_set_aside(guard, path, name):
    DAMAGES[name](path)
    assert guard.check()
    assert guard.is_usable
    assert len(aside(path)) == 1
    assert Ledger(str(path)).entries() == {}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_ledger_that_is_damaged_at_the_start_is_set_aside(path, name):
    DAMAGES[name](path)
    guard = LedgerGuard(Ledger(str(path), open_now=False))
    guard.start()
    assert guard.is_usable
    assert len(aside(path)) == 1


def test_a_ledger_that_is_gone_is_said_to_be(guard, path, caplog):
    assert "There was no ledger" not in caplog.text
    path.unlink()
    assert guard.check()
    assert f"There was no ledger {path}: an empty one is begun" in caplog.text
    assert f"The ledger {path} is new, and the one that was there is lost: 1 claims are missing" in caplog.text
    assert not guard.check()


def test_the_first_ledger_of_a_host_is_said_to_be_begun(tmp_path, caplog):
    guard = LedgerGuard(Ledger(str(tmp_path / "first" / "ledger.sqlite"), open_now=False))
    guard.start()
    assert f"There was no ledger {tmp_path}/first/ledger.sqlite: an empty one is begun" in caplog.text
    assert "missing" not in caplog.text


def test_what_another_call_has_begun_meanwhile_is_noticed_too(guard, path, caplog):
    path.unlink()
    Path(f"{path}.claims").unlink()
    assert guard._ledger.entries() == {}
    assert guard.check()
    assert "an empty one is begun" in caplog.text


def test_a_ledger_that_becomes_empty_is_begun_anew(guard, path):
    os.truncate(path, 0)
    assert guard.check()
    assert guard.is_usable
    assert Ledger(str(path)).entries() == {}


@pytest.mark.parametrize(
    ("mark", "says"), [("application_id", "another program"), ("user_version", "it has schema 77")]
)
def test_a_file_that_is_not_ours_to_read_is_refused_and_stays_where_it_is(guard, path, mark, says):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA {mark} = 77")
    assert guard.check()
    with pytest.raises(LedgerError, match=says):
        guard.refuse_if_unusable()
    assert aside(path) == []


def test_what_can_pass_is_not_taken_for_damage(guard, path):
    with mock.patch("sqlite3.connect", side_effect=sqlite3.OperationalError("unable to open database file")) as connect:
        connect.side_effect.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        assert guard.check()
        assert not guard.is_usable
    assert aside(path) == []
    assert guard.check()
    assert guard.is_usable
    assert Ledger(str(path)).entries()[A].server == SERVER


def test_what_cannot_be_written_for_now_can_still_be_read(path):
    ledger = Ledger(str(path))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with mock.patch("nova_accel.ledger.file._LOCK_WAIT_S", 0), pytest.raises(LedgerError, match="locked"):
            ledger.claim([B], SERVER)
        assert ledger.entries()[A].server == SERVER


def test_a_ledger_that_became_empty_is_begun_anew_by_the_call_after_the_one_that_failed(path):
    ledger = Ledger(str(path))
    os.truncate(path, 0)
    with pytest.raises(LedgerError, match="no such table"):
        ledger.entries()
    assert ledger.entries() == {}


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_a_folder_that_cannot_be_searched_is_a_reason_and_not_the_end(path, error):
    ledger = Ledger(str(path))
    guard = LedgerGuard(ledger)
    with mock.patch.object(Path, "exists", side_effect=error):
        guard.start()
        assert not guard.is_usable
        with pytest.raises(LedgerError, match=f"its folder cannot be searched: {error.strerror}"):
            ledger.entries()
    assert guard.check()
    assert guard.is_usable


def test_what_nobody_has_foreseen_leaves_the_ledger_refused(guard):
    with mock.patch.object(Ledger, "probe", side_effect=RuntimeError("what is that")), pytest.raises(RuntimeError):
        guard.check()
    with pytest.raises(LedgerError, match="it could not be tried: what is that"):
        guard.refuse_if_unusable()


def test_a_migration_that_fails_leaves_the_file_to_the_older_nova_accel(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 4")  # although it has what version 5 added
    connection.close()
    guard = LedgerGuard(Ledger(str(path), open_now=False))
    guard.start()
    with pytest.raises(LedgerError, match="it cannot be brought up to date from schema 4: duplicate column"):
        guard.refuse_if_unusable()
    assert aside(path) == []


def flipped(content: bytes, changes: list[tuple[int, int]]) -> bytes:
    changed = bytearray(content)
    for place, value in changes:
        changed[place % len(changed)] = value
    return bytes(changed)


@functools.cache
def whole() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.sqlite")
        filled(path)
        return path.read_bytes()


# The file's head and its schema are in the first page, and most of the other pages is empty.
PLACES = st.one_of(st.integers(0, 127), st.integers(0, 4095), st.integers(0, 1 << 20))
CHANGES = st.lists(st.tuples(PLACES, st.integers(0, 255)), max_size=12)


@given(changes=CHANGES, length=st.none() | st.integers(0, 1 << 16), running=st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_is_in_the_file_the_ledger_is_usable_or_refused(changes, length, running):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.sqlite")
        guard = LedgerGuard(Ledger(str(path), open_now=False))
        path.write_bytes(whole())
        if running:
            guard.start()
        path.write_bytes(flipped(whole(), changes)[:length])
        try:
            guard.check() if running else guard.start()
        except NotALedger:
            assert not running
        is_usable(guard, Ledger(str(path), open_now=False))


def is_usable(guard: LedgerGuard, ledger: Ledger) -> None:
    """Assert that all of a ledger can be used that the guard does not refuse."""
    if not guard.is_usable:
        with pytest.raises(LedgerError):
            guard.refuse_if_unusable()
        return
    assert all(isinstance(one.state, State) for one in ledger.entries().values())
    ledger.sightings.replace([])
    ledger.operator.changes()
    ledger.left_behind.wishes()
    ledger.add(HandleId("CUSTOM_SSD", "NEW"), "ssd_NEW", "new")
