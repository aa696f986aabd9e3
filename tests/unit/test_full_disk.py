"""A ledger on a disk that is full: SQLite says \"disk I/O error\" then, and we what it is."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from nova_accel.commands import existing
from nova_accel.exception import LedgerError
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from nova_accel.virt.ledger_guard import LedgerGuard
from tests.unit import devices

A = HandleId("CUSTOM_SSD", "SERIAL-A")
SERVER = "8c1f3c0e-4b1f-4b06-9a53-1f2f3b0d0a01"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with devices.small_disk(tmp_path, 400) as disk:
        yield disk


def fill(disk: Path) -> Path:
    """Take what room there is, for whoever has no rights there; the last pages are of use to nobody."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return filler


def test_that_it_is_full_is_said_and_it_goes_on_once_there_is_room(disk):
    ledger = Ledger(str(disk / "ledger.sqlite"))
    ledger.add(A, "ssd_SERIAL-A", "new")
    ledger.found_zero(A)
    guard = LedgerGuard(ledger)
    guard.start()
    filler = fill(disk)
    with pytest.raises(LedgerError, match="its disk is full"):
        ledger.claim([A], SERVER)
    assert guard.check()
    with pytest.raises(LedgerError, match="its disk is full"):
        guard.refuse_if_unusable()
    filler.unlink()
    assert guard.check()
    guard.refuse_if_unusable()
    assert ledger.entries()[A].state is State.AVAILABLE


def test_the_commands_say_so_too(disk):
    path = str(disk / "ledger.sqlite")
    LedgerGuard(Ledger(path)).start()
    fill(disk)
    with pytest.raises(LedgerError, match="its disk is full"):
        existing.open_for_reading(path).entries()


def test_an_error_on_a_disk_with_room_is_left_as_sqlite_puts_it(tmp_path):
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(LedgerError, match="cannot be used: unable to open database file"):
        Ledger(str(tmp_path / "ledger.sqlite"))
