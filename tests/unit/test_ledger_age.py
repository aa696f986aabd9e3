"""An older copy of the ledger that is put in its place: it gives nothing away before that was noticed."""

import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import pytest

from nova_accel.exception import LedgerError
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from nova_accel.virt.ledger_guard import LedgerGuard

A, B = HandleId("CUSTOM_SSD", "A"), HandleId("CUSTOM_SSD", "B")
ONE, TWO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Ledger:
    ledger = Ledger(str(path))
    for handle in (A, B):
        ledger.add(handle, f"ssd_{handle.identity}", "new")
        ledger.found_zero(handle)
    return ledger


def beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.claims")


def copy(path: Path) -> Path:
    return shutil.copy(path, path.with_name("copy"))


def put_back(path: Path) -> None:
    shutil.copy(path.with_name("copy"), path)


def test_an_older_copy_gives_nothing_away_and_is_noticed_afterwards(ledger, path):
    guard = LedgerGuard(ledger)
    guard.start()
    copy(path)
    ledger.claim([A], ONE)
    put_back(path)
    with pytest.raises(LedgerError, match="it is an older copy of itself, 1 claims are missing"):
        ledger.claim([B], TWO)
    assert beside(path).read_text() == "1\n"
    assert guard.check()
    assert {one.state for one in ledger.entries().values()} == {State.DIRTY}
    assert ledger.age.may_be_outdated(ledger.entries()[A].since)
    assert ledger.age.claims_missing() == 0


def test_only_what_was_noted_before_it_was_found_to_be_older_may_be_outdated(ledger, path):
    guard = LedgerGuard(ledger)
    guard.start()
    ledger.claim([A], ONE)
    copy(path)
    ledger.claim([B], TWO)
    assert not ledger.age.may_be_outdated(ledger.entries()[A].since)
    put_back(path)
    assert guard.check()
    ledger.adopt(B, "ssd_B", TWO)
    assert ledger.age.may_be_outdated(ledger.entries()[A].since)
    assert not ledger.age.may_be_outdated(ledger.entries()[B].since)


def test_what_is_adopted_is_counted(ledger, path):
    copy(path)
    ledger.adopt(A, "ssd_A", ONE)
    ledger.adopt(A, "ssd_A", ONE)
    put_back(path)
    assert ledger.age.claims_missing() == 1
    with pytest.raises(LedgerError, match="older copy"):
        ledger.adopt(B, "ssd_B", TWO)


def test_what_is_handed_on_is_counted(ledger, path):
    ledger.claim([A], ONE)
    copy(path)
    ledger.hand_on(A, ONE, TWO)
    put_back(path)
    assert ledger.age.claims_missing() == 1
    with pytest.raises(LedgerError, match="older copy"):
        ledger.hand_on(A, ONE, TWO)


def test_the_count_beside_the_ledger_never_becomes_less(ledger, path):
    ledger.age.remember(7)
    ledger.age.remember(3)
    assert beside(path).read_text() == "7\n"


def test_many_at_once_leave_the_greatest_count(path, ledger):
    handles = [HandleId("CUSTOM_SSD", str(number)) for number in range(32)]
    for handle in handles:
        ledger.add(handle, f"ssd_{handle.identity}", "new")
        ledger.found_zero(handle)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda handle: ledger.claim([handle], ONE), handles))
    assert beside(path).read_text() == "32\n"
    assert ledger.age.claims_missing() == 0


@pytest.mark.parametrize("content", [b"", b"\xff\n", b"many\n", b"-1\n", b"99999999999999999999\n", b"9" * 9999])
def test_a_count_that_cannot_be_read_is_taken_for_a_greater_one(ledger, path, content, caplog):
    ledger.claim([A], ONE)
    guard = LedgerGuard(ledger)
    guard.start()
    beside(path).write_bytes(content)
    with pytest.raises(LedgerError, match="older copy"):
        ledger.claim([B], TWO)
    assert f"{beside(path)} cannot be read, so the ledger is taken for an older copy of itself" in caplog.text
    assert guard.check()
    assert guard.is_usable
    assert ledger.entries()[B].state is State.DIRTY
    assert not guard.check(), "it is written anew"
    assert ledger.age.claims_missing() == 0


def test_without_a_count_beside_it_a_ledger_is_taken_as_it_is(ledger, path):
    ledger.claim([A], ONE)
    beside(path).unlink()
    assert ledger.age.claims_missing() == 0
    assert ledger.claim([B], TWO) == (B,)


def test_a_count_that_can_neither_be_read_nor_written_leaves_the_ledger_refused(ledger, path):
    guard = LedgerGuard(ledger)
    guard.start()
    ledger.claim([A], ONE)
    beside(path).unlink()
    beside(path).mkdir()
    assert guard.check()
    with pytest.raises(LedgerError, match=r"ledger\.sqlite\.claims cannot be written"):
        guard.refuse_if_unusable()
    beside(path).rmdir()
    assert guard.check()
    assert guard.is_usable


def test_the_count_is_on_the_disk_before_it_gets_its_name_and_the_name_after(ledger, path):
    done = []
    fsync, rename = os.fsync, Path.rename

    def synced(descriptor):
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def renamed(old, new):
        done.append("rename")
        return rename(old, new)

    with mock.patch.object(os, "fsync", synced), mock.patch.object(Path, "rename", renamed):
        ledger.claim([A], ONE)
    assert done == [f"ledger.sqlite.claims.{os.getpid()}.new", "rename", path.parent.name]


def test_a_claim_holds_where_the_count_beside_the_ledger_cannot_be_written(ledger, caplog):
    with mock.patch.object(os, "fsync", side_effect=OSError(errno.ENOSPC, "No space left on device")):
        assert ledger.claim([A], ONE) == (A,)
    assert "so an older ledger could not be told from this one" in caplog.text
    assert ledger.claim([B], TWO) == (B,)
