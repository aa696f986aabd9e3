"""While the record of cleanings cannot be written, nothing is erased for it, nothing is offered, and nothing is given up."""

from datetime import datetime, timedelta

import pytest

from nova_accel.cleaning.record import RecordNotWritten
from nova_accel.ledger.states import State
from tests.unit.one_handle import HANDLE, SERVER, Case, Eraser, failed


@pytest.fixture
def case(tmp_path):
    def begin(*errors, **policy):
        one = Case(tmp_path, Eraser(*errors), **policy)
        one.lines.mkdir(parents=True)  # it cannot be opened
        return one

    return begin


def waits(one, times):
    """How long each of so many attempts is waited for."""
    for _ in range(times):
        assert not one.cleaner.settle(HANDLE)
        before, one.now = one.now, datetime.fromisoformat(one.entry.retry_at)
        yield one.now - before


@pytest.mark.parametrize("erase", [True, False])
def test_it_is_tried_again_without_an_end_and_nothing_is_erased(case, erase):
    one = case(attempts=1, erase=erase).release()
    assert list(waits(one, 6)) == [timedelta(minutes=minutes) for minutes in (1, 5, 30, 30, 30, 30)]
    assert one.entry.state is State.CLEAN_FAILED
    assert "cannot be written: Is a directory; tried again at 2026" in one.entry.reason
    assert "erase" not in one.eraser.calls
    one.lines.rmdir()
    assert one.cleaner.settle(HANDLE)


def test_what_is_not_erased_for_it_is_put_out_of_the_hosts_sight(case):
    one = case().release()
    assert not one.cleaner.settle(HANDLE)
    assert one.eraser.calls == ["put_away"]


def test_what_others_clean_still_waits_for_them(case):
    one = case(one_time_use=True).release()
    one.ledger.operator.done_by("SN1", "the robot")
    assert not one.cleaner.settle(HANDLE)
    assert one.entry.retry_at is None


def test_a_device_that_fails_by_itself_is_given_up_as_ever(case):
    one = case(failed(), attempts=1).release()
    one.lines.rmdir()
    assert not one.cleaner.settle(HANDLE)
    assert one.entry.retry_at is None


def test_a_rebuild_fails_before_anything_is_erased(case):
    one = case()
    with pytest.raises(RecordNotWritten):
        one.cleaner.wipe(HANDLE, SERVER)
    assert "erase" not in one.eraser.calls
    assert (one.entry.state, one.entry.server) == (State.ASSIGNED, SERVER)
    assert "could not be cleaned for a rebuild of its server: [nova_accel] cleaning_record" in one.entry.reason
    one.lines.rmdir()
    one.cleaner.wipe(HANDLE, SERVER)
    assert one.entry.reason == ""
