"""What nobody released is only read: when it is read again, and when it is not."""

from datetime import timedelta

import pytest

from nova_accel.cleaning.eraser import Proof
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
