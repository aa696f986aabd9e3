"""What nobody released is only read: when it is read again, and when it is not."""

from datetime import timedelta

import pytest

from nova_accel.cleaning.due import Work
from nova_accel.cleaning.eraser import Proof
from nova_accel.exception import DeviceLost, LedgerError, PrivilegedCallError
from nova_accel.ledger.states import State
from tests.unit.one_handle import HANDLE, A, Case, Eraser, failed

DOUBT = "the ledger is an older copy of itself, so it may have been in a guest since"


@pytest.fixture
def one(tmp_path):
    return Case(tmp_path, Eraser())


@pytest.fixture
def doubted(one):
    """Nobody knows any more that a server had it."""
    one.release().ledger.doubt_all(DOUBT)
    return one


@pytest.mark.parametrize("erase", [True, False])
def test_what_was_available_again_and_is_doubted_then_is_read(tmp_path, erase):
    one = Case(tmp_path, Eraser(), erase=erase).release()
    assert one.cleaner.settle(HANDLE)
    one.ledger.host_used_it(A, "mounted for a moment")
    assert one.cleaner.settle(HANDLE)
    assert one.eraser.calls[-1] == "find_nonzero"


def test_what_could_not_be_erased_and_is_doubted_then_is_read(tmp_path):
    one = Case(tmp_path, Eraser(failed())).release()
    assert not one.cleaner.settle(HANDLE)
    one.ledger.doubt_all(DOUBT)
    assert one.cleaner.settle(HANDLE)


def test_what_a_new_ledger_has_after_the_old_one_was_lost_is_read(one):
    one.release()

    def lose_the_ledger(handle, progress):
        one.ledger.set_aside()
        return Proof("format", "read as a whole, all zero")

    one.eraser.erase_and_verify = lose_the_ledger
    with pytest.raises(Exception, match="never offered"):
        one.cleaner.settle(HANDLE)
    one.ledger.add(A, "ssd_SN1", "was never offered before, so nothing is known about its content")
    assert one.cleaner.settle(HANDLE)
    assert one.entry.state is State.AVAILABLE


def test_what_holds_data_is_not_read_again_by_itself(doubted):
    doubted.eraser.find_nonzero = lambda handle, progress: doubted.eraser.calls.append("read") or "nvme0n1 at byte 0"
    for _ in range(3):
        assert not doubted.cleaner.settle(HANDLE)
        doubted.now += timedelta(days=1)
    assert doubted.eraser.calls == ["read"]


def failing(error):
    def fail(*_):
        raise error

    return fail


def waits(one):
    """How long each of the next attempts is waited for."""
    for _ in range(4):
        assert not one.cleaner.settle(HANDLE)
        began = one.now
        while one.cleaner.work(one.entry, HANDLE.incarnation) is Work.NOTHING:
            one.now += timedelta(seconds=30)
        yield (one.now - began).total_seconds()


def test_what_could_not_be_read_is_read_again_later_and_later_without_an_end(doubted, monkeypatch):
    monkeypatch.setattr(doubted.eraser, "find_nonzero", failing(PrivilegedCallError("first_nonzero", "I/O error")))
    assert list(waits(doubted)) == [60, 300, 1800, 1800]
    assert "could not be read: first_nonzero: I/O error" in doubted.entry.reason


def test_what_is_doubted_anew_begins_with_the_shortest_wait(doubted, monkeypatch):
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(doubted.eraser, "find_nonzero", failing(failed()))
        list(waits(doubted))
    assert doubted.cleaner.settle(HANDLE)
    doubted.ledger.host_used_it(A, "mounted for a moment")
    monkeypatch.setattr(doubted.eraser, "find_nonzero", failing(failed()))
    assert next(waits(doubted)) == 60


@pytest.mark.parametrize(("write", "nonzero"), [("found_zero", None), ("explain", "nvme0n1 at byte 0")])
def test_what_was_read_and_could_not_be_noted_is_read_again(doubted, monkeypatch, write, nonzero):
    monkeypatch.setattr(doubted.eraser, "find_nonzero", lambda *_: nonzero)
    with monkeypatch.context() as meanwhile:
        for one in (write, "explain"):
            meanwhile.setattr(doubted.ledger, one, failing(LedgerError("ledger", "database or disk is full")))
        with pytest.raises(LedgerError):
            doubted.cleaner.settle(HANDLE)
    doubted.now += timedelta(minutes=1)
    assert doubted.cleaner.settle(HANDLE) == (nonzero is None)
    assert (doubted.entry.state is State.AVAILABLE) == (nonzero is None)
    assert ("holds data that no server released" in doubted.entry.reason) == (nonzero is not None)


def test_what_was_quarantined_as_it_was_read_is_read_as_soon_as_it_is_undrained(doubted, monkeypatch, caplog):
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(doubted.eraser, "find_nonzero", failing(DeviceLost("first_nonzero", "it hangs")))
        assert not doubted.cleaner.settle(HANDLE)
    assert doubted.entry.drained == "quarantined: first_nonzero: it hangs"
    assert "CUSTOM_SSD SN1 is quarantined: it was lost as it was read: first_nonzero: it hangs" in caplog.text
    doubted.now += timedelta(days=1)
    assert not doubted.cleaner.settle(HANDLE)
    doubted.ledger.operator.undrain("SN1")
    assert doubted.cleaner.settle(HANDLE)


def test_what_hangs_as_it_is_read_and_could_not_be_quarantined_is_tried_again_later(doubted, monkeypatch):
    monkeypatch.setattr(doubted.eraser, "find_nonzero", failing(DeviceLost("first_nonzero", "it hangs")))
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(doubted.ledger, "quarantine", failing(LedgerError("ledger", "database or disk is full")))
        with pytest.raises(LedgerError):
            doubted.cleaner.settle(HANDLE)
    assert doubted.cleaner.work(doubted.entry, HANDLE.incarnation) is Work.NOTHING
    doubted.now += timedelta(minutes=1)
    assert not doubted.cleaner.settle(HANDLE)
    assert doubted.entry.is_quarantined
