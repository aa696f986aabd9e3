"""When something is tried again, and what is to be done to a handle now."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_accel.cleaning import due, retries
from nova_accel.cleaning.due import Tried, Work
from nova_accel.ledger.entry import QUARANTINED, Entry
from nova_accel.ledger.states import State
from tests.unit.conftest import ssd_handle

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RELEASED = Entry(ssd_handle("SN1"), "ssd_SN1", State.DIRTY, "server", "Nova deleted it", since="then")
FAILED = replace(RELEASED, state=State.CLEAN_FAILED, failures=1)
NEW = Entry(ssd_handle("SN1"), "ssd_SN1", State.DIRTY, since="then")
HERE = Tried("a", "then")


def work(entry, tried=None, incarnation="a", *, one_time_use=False):
    return due.work(entry, incarnation, tried, one_time_use=one_time_use, now=NOW)


def at(minutes):
    return (NOW + timedelta(minutes=minutes)).isoformat()


@pytest.mark.parametrize(("failures", "minutes"), [(1, 1), (2, 5), (3, 30), (4, 30), (40, 30)])
def test_each_failure_is_waited_for_longer(failures, minutes):
    assert datetime.fromisoformat(retries.next_at(failures, 50, NOW)) == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(("failures", "minutes"), [(1, 1), (2, 5), (3, 30), (4, 30), (4000, 30)])
def test_what_is_tried_without_an_end_waits_as_long(failures, minutes):
    assert datetime.fromisoformat(retries.after(failures, NOW)) == NOW + timedelta(minutes=minutes)


def test_after_the_last_attempt_nothing_is_tried_again():
    assert retries.next_at(4, 4, NOW) is None


@given(st.integers(1, 100), st.integers(1, 100), st.datetimes(timezones=st.just(UTC), max_value=datetime(9000, 1, 1)))
def test_what_is_put_off_is_due_then_and_not_before(failures, attempts, now):
    retry_at = retries.next_at(failures, attempts, now)
    assert (retry_at is None) == (failures >= attempts)
    if retry_at is not None:
        then = datetime.fromisoformat(retry_at)
        assert retries.is_time(retry_at, then)
        assert not retries.is_time(retry_at, then - timedelta(seconds=1))


def test_a_clock_that_was_set_back_puts_nothing_off_for_ever():
    assert retries.is_time(at(60 * 24), NOW)


@given(st.text())
def test_a_time_that_cannot_be_read_is_now(text):
    try:
        datetime.fromisoformat(text)
    except ValueError:
        assert retries.is_time(text, NOW)


@pytest.mark.parametrize(
    ("entry", "tried", "wanted"),
    [
        (NEW, None, Work.PROVE),
        (NEW, HERE, Work.NOTHING),
        (NEW, Tried("before it was pulled", "then"), Work.PROVE),
        (NEW, Tried("a", "then", again_at=at(-1)), Work.PROVE),
        (NEW, Tried("a", "then", again_at=at(1)), Work.NOTHING),
        (replace(NEW, since="now"), HERE, Work.PROVE),
        (replace(NEW, asked="now"), HERE, Work.PROVE),
        (RELEASED, HERE, Work.ERASE),
        (replace(RELEASED, state=State.CLEANING), HERE, Work.ERASE),
        (FAILED, HERE, Work.NOTHING),
        (replace(FAILED, since="now"), HERE, Work.NOTHING),
        (FAILED, None, Work.ERASE),
        (FAILED, Tried("before it was pulled", "then"), Work.ERASE),
        (replace(FAILED, retry_at=at(1)), HERE, Work.NOTHING),
        (replace(FAILED, retry_at=at(-1)), HERE, Work.ERASE),
        (replace(FAILED, asked="now"), HERE, Work.ERASE),
        (replace(FAILED, done_by="the robot"), HERE, Work.READ_BACK),
        (replace(FAILED, drained=f"{QUARANTINED}it hangs"), None, Work.NOTHING),
        (replace(FAILED, drained=f"{QUARANTINED}it hangs", asked="now"), None, Work.ERASE),
        (replace(FAILED, drained="for repair"), None, Work.ERASE),
        (replace(RELEASED, state=State.ASSIGNED, released=None), None, Work.NOTHING),
        (replace(RELEASED, state=State.AVAILABLE, released=None), None, Work.NOTHING),
    ],
)
def test_what_is_to_be_done_follows_from_the_entry_and_from_what_was_tried(entry, tried, wanted):
    assert work(entry, tried) is wanted


def test_what_others_clean_waits_for_them_unless_an_operator_asks_or_it_was_begun():
    assert work(RELEASED, one_time_use=True) is Work.NOTHING
    assert work(replace(RELEASED, done_by="the robot"), one_time_use=True) is Work.READ_BACK
    assert work(replace(RELEASED, asked="now"), one_time_use=True) is Work.ERASE
    assert work(replace(RELEASED, state=State.CLEANING), one_time_use=True) is Work.ERASE
    assert work(NEW, one_time_use=True) is Work.PROVE


def test_what_is_away_is_not_taken_for_changed():
    assert work(FAILED, HERE, incarnation=None) is Work.NOTHING
