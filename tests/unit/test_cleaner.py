"""What becomes of a device whose server is gone: tried again, given up, quarantined, left to others, passed on; all of it recorded."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nova_accel.cleaning import attempt, progress
from nova_accel.cleaning.cleaner import Cleaner
from nova_accel.cleaning.eraser import Proof
from nova_accel.exception import CleaningFailed, DeviceLost, HandleRefused, HandleUnavailable, LedgerError
from nova_accel.ledger.states import State
from nova_accel.model import HandleKind
from tests.unit.one_handle import HANDLE, SERVER, A, Case, Eraser, failed


@pytest.fixture
def case(tmp_path):
    return lambda *errors, **policy: Case(tmp_path, Eraser(*errors), **policy)


def test_a_released_device_is_erased_and_the_record_says_all_that_an_auditor_asks(case):
    one = case().release()
    assert one.cleaner.settle(HANDLE)
    assert one.entry.state is State.AVAILABLE
    (record,) = one.records()
    assert record.pop("began") <= record.pop("ended")
    assert record == {
        "resource_class": "CUSTOM_SSD",
        "identity": "SN1",
        "kind": "pci",
        "address": "0000:01:00.0",
        "size_bytes": 4096,
        "method": "format",
        "verified": "read as a whole, all zero",
        "result": "clean",
        "version": "1.2.3",
        "server": SERVER,
    }
    assert one.ledger.cleanings.last()["SN1"].result == "clean"
    assert one.ledger.cleanings.under_way() == {}


def test_a_failure_is_tried_again_later_and_later_and_then_no_more(case):
    one = case(*[failed()] * 9, attempts=4).release()
    waited = []
    assert not one.cleaner.settle(HANDLE)
    while one.entry.retry_at is not None:
        assert not one.cleaner.settle(HANDLE)  # not yet
        before, one.now = one.now, datetime.fromisoformat(one.entry.retry_at)
        waited.append(one.now - before)
        assert not one.cleaner.settle(HANDLE)
    assert waited == [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30)]
    assert one.entry.state is State.CLEAN_FAILED
    assert one.entry.failures == 4
    assert "it is not all zero; not tried again by itself, but by: nova-accel device clean SN1" in one.entry.reason
    assert one.eraser.calls == ["erase", "put_away"] * 4
    assert [record["result"] for record in one.records()] == [str(failed())] * 4


def test_an_operator_has_it_tried_again_and_success_forgets_the_failures(case):
    one = case(failed(), attempts=1).release()
    one.cleaner.settle(HANDLE)
    one.ledger.operator.ask_for_cleaning("SN1", erase_foreign_data=False)
    assert one.cleaner.settle(HANDLE)
    assert (one.entry.failures, one.entry.retry_at, one.entry.state) == (0, None, State.AVAILABLE)


def test_what_hangs_is_quarantined_and_not_touched_again_by_itself(case):
    one = case(DeviceLost("bring_back", "it did not come back")).release()
    one.cleaner.settle(HANDLE)
    assert one.entry.drained == "quarantined: bring_back: it did not come back"
    assert one.eraser.calls == ["erase"]
    again = Cleaner({HandleKind.PCI: one.eraser}, one.ledger)  # nova-compute was started again
    assert not again.settle(replace(HANDLE, incarnation="boot:2"))
    one.ledger.operator.ask_for_cleaning("SN1", erase_foreign_data=False)
    assert again.settle(HANDLE)
    assert one.entry.drained is not None  # clean, and still not offered until it is undrained


def test_a_wish_that_comes_while_it_hangs_does_not_have_it_touched_again(case):
    one = case(DeviceLost("bring_back", "it did not come back")).release()
    erase = one.eraser.erase_and_verify

    def hang(handle, progress):
        one.ledger.operator.ask_for_cleaning("SN1", erase_foreign_data=False)
        return erase(handle, progress)

    one.eraser.erase_and_verify = hang
    assert not one.cleaner.settle(HANDLE)
    assert not one.cleaner.settle(HANDLE)
    assert one.eraser.calls == ["erase"]
    assert one.entry.asked is None


@pytest.mark.parametrize("write", ["store.Ledger.cleaning_failed", "cleanings.Cleanings.ended"])
def test_what_failed_is_out_of_the_hosts_sight_before_that_is_noted(case, monkeypatch, write):
    def refuse(*_):
        raise LedgerError("ledger", "database or disk is full")

    one = case(failed()).release()
    monkeypatch.setattr(f"nova_accel.ledger.{write}", refuse)
    with pytest.raises(LedgerError):
        one.cleaner.settle(HANDLE)
    assert one.eraser.calls == ["erase", "put_away"]


def test_what_hangs_as_it_is_put_away_is_quarantined_too(case):
    one = case(failed()).release()

    def hang(handle):
        raise DeviceLost("hand_over", "the kernel does not come back")

    one.eraser.put_away = hang
    assert not one.cleaner.settle(HANDLE)
    assert one.entry.drained == "quarantined: hand_over: the kernel does not come back"
    assert one.entry.retry_at is None
    assert not one.cleaner.settle(replace(HANDLE, incarnation="boot:2"))


def test_what_hangs_as_it_is_read_is_quarantined_and_not_read_again_a_minute_later(case, monkeypatch):
    one = case()
    one.ledger.give_back([A], SERVER, {A: "the host used it"})

    def hang(handle, progress):
        one.eraser.calls.append("find_nonzero")
        raise DeviceLost("namespace_first_nonzero", "it could not be killed")

    monkeypatch.setattr(one.eraser, "find_nonzero", hang)
    assert not one.cleaner.settle(HANDLE)
    assert one.entry.is_quarantined
    one.now += timedelta(hours=1)
    assert not one.cleaner.settle(HANDLE)
    assert one.eraser.calls == ["find_nonzero"]


def test_a_quarantine_keeps_why_an_operator_had_drained_it(case):
    one = case(DeviceLost("bring_back", "it did not come back")).release()
    one.ledger.operator.drain("SN1", "its slot is to be used otherwise")
    assert not one.cleaner.settle(HANDLE)
    one.ledger.quarantine(A, "it hangs again")
    assert one.entry.drained == "quarantined: it hangs again; drained before: its slot is to be used otherwise"


def test_what_others_have_cleaned_is_read_back_and_not_erased(case):
    one = case(one_time_use=True).release()
    assert not one.cleaner.settle(HANDLE)
    one.ledger.operator.done_by("SN1", "the robot")
    assert one.cleaner.settle(HANDLE)
    assert one.eraser.calls == ["verify"]
    assert one.records()[0]["method"] == "by the robot"
    assert one.entry.done_by is None


def test_what_others_have_not_cleaned_well_stays_reserved(case):
    one = case(failed(), one_time_use=True).release()
    one.ledger.operator.done_by("SN1", "the robot")
    assert not one.cleaner.settle(HANDLE)
    assert one.entry.state is State.CLEAN_FAILED
    assert one.entry.done_by is None
    assert not one.cleaner.settle(HANDLE)


def test_what_a_server_has_cannot_be_said_to_be_cleaned(case):
    with pytest.raises(HandleRefused, match="it is assigned and does not wait for a cleaner"):
        case().ledger.operator.done_by("SN1", "the robot")


def test_what_is_only_read_before_it_is_offered_has_its_record_too(case):
    one = case().release()
    one.ledger.doubt_all("the ledger is an older copy")  # nobody knows any more that a guest had it
    assert one.cleaner.settle(HANDLE)
    assert one.eraser.calls == ["find_nonzero"]
    (record,) = one.records()
    assert (record["method"], record["verified"], record["result"], record["server"]) == (
        "read only",
        "read as a whole, all zero",
        "clean",
        None,
    )
    assert one.ledger.cleanings.last()["SN1"].method == "read only"


def test_what_is_only_read_is_not_offered_without_its_record_and_read_again_later(case):
    one = case().release()
    one.ledger.doubt_all("the ledger is an older copy")
    one.lines.mkdir(parents=True)
    assert not one.cleaner.settle(HANDLE)
    assert "is not offered without its record: [nova_accel] cleaning_record" in one.entry.reason
    one.lines.rmdir()
    one.now += timedelta(minutes=1)
    assert one.cleaner.settle(HANDLE)


def test_without_its_record_nothing_is_offered_again(case):
    one = case().release()
    one.lines.mkdir(parents=True)
    assert not one.cleaner.settle(HANDLE)
    assert one.entry.state is State.CLEAN_FAILED
    assert "[nova_accel] cleaning_record" in one.entry.reason


def test_an_attempt_that_takes_too_long_has_failed(case, monkeypatch):
    one = case(timeout_s=60.0).release()
    seconds = iter([0.0, 0.0, 0.0, 61.0, 61.0, 61.0])
    monkeypatch.setattr(attempt.time, "monotonic", lambda: next(seconds))
    assert not one.cleaner.settle(HANDLE)
    assert "it was not done after 60 s ([nova_accel] clean_timeout); the last it did was erasing" in one.entry.reason


def test_an_eraser_is_told_how_much_time_is_left(case, monkeypatch):
    one = case(timeout_s=86400.0).release()
    left = []
    monkeypatch.setattr(attempt.time, "monotonic", lambda: 1000.0 + 3600.0 * len(left))

    def erase(handle, progress):
        left.append(progress("erasing (format)", 0, 100))
        left.append(progress("erasing (format)", 50, 100))
        return Proof("format", "read as a whole, all zero")

    one.eraser.erase_and_verify = erase
    assert one.cleaner.settle(HANDLE)
    assert left == [86400.0, 82800.0]


def test_how_far_it_is_can_be_read_meanwhile(case):
    one = case().release()
    seen = []
    erase = one.eraser.erase_and_verify

    def watched(handle, progress):
        proof = erase(handle, progress)
        seen.extend(one.ledger.cleanings.under_way().values())
        return proof

    one.eraser.erase_and_verify = watched
    one.cleaner.settle(HANDLE)
    assert [(doing.words, doing.done_bytes, doing.total_bytes) for doing in seen] == [("reading", 100, 100)]


def test_the_log_says_how_far_it_is_and_how_long_it_will_take(case, monkeypatch, caplog):
    began = datetime(2026, 11, 21, 12, tzinfo=UTC)
    monkeypatch.setattr(attempt, "_LOG_EVERY_S", 0.0)
    monkeypatch.setattr(attempt, "now", began.isoformat)
    monkeypatch.setattr(progress, "now", lambda: began + timedelta(minutes=1))
    one = case().release()

    def erase(handle, progress):
        progress("erasing", 0, 0)
        progress("reading", 0, 400)
        progress("reading", 100, 400)
        return Proof("format", "read as a whole, all zero")

    one.eraser.erase_and_verify = erase
    with caplog.at_level(logging.INFO, attempt.LOG.logger.name):
        one.cleaner.settle(HANDLE)
    assert [record.getMessage() for record in caplog.records if record.name == attempt.LOG.logger.name] == [
        "CUSTOM_SSD SN1: erasing",
        "CUSTOM_SSD SN1: reading, 0 % (0 of 400 bytes)",
        "CUSTOM_SSD SN1: reading, 25 %, about 3 min left (100 of 400 bytes)",
    ]


def test_none_offers_it_with_what_is_on_it_and_says_so(case):
    one = case(erase=False).release()
    assert one.cleaner.settle(HANDLE)
    assert one.eraser.calls == []
    assert one.entry.unproven
    assert one.records()[0]["result"] == "offered again with what is on it: clean_methods is none"
    one.ledger.claim([A], "another")
    one.ledger.give_back([A], "another")
    assert one.entry.unproven


def test_what_is_offered_as_it_is_waits_for_its_record_and_is_tried_again(case):
    one = case(erase=False).release()
    one.lines.mkdir(parents=True)
    assert not one.cleaner.settle(HANDLE)
    assert (one.entry.state, one.entry.failures) == (State.CLEAN_FAILED, 1)
    assert "cleaning_record" in one.entry.reason
    one.lines.rmdir()
    assert not one.cleaner.settle(HANDLE)  # not yet
    one.now = datetime.fromisoformat(one.entry.retry_at)
    assert one.cleaner.settle(HANDLE)
    assert one.entry.unproven


def test_a_rebuild_wipes_what_stays_its_servers(case):
    one = case()
    one.cleaner.wipe(HANDLE, SERVER)
    assert (one.entry.state, one.entry.server) == (State.ASSIGNED, SERVER)
    assert one.records()[0]["server"] == SERVER


def test_a_rebuild_that_cannot_wipe_fails_and_the_data_stays_reserved(case):
    one = case(failed())
    with pytest.raises(CleaningFailed):
        one.cleaner.wipe(HANDLE, SERVER)
    assert (one.entry.state, one.entry.server, one.entry.failures) == (State.ASSIGNED, SERVER, 1)
    assert "could not be cleaned for a rebuild of its server" in one.entry.reason
    assert one.eraser.calls == ["erase", "put_away"]
    one.cleaner.wipe(HANDLE, SERVER)
    assert (one.entry.failures, one.entry.reason) == (0, "")


def test_what_hangs_as_it_is_wiped_for_a_rebuild_is_quarantined_and_stays_its_servers(case):
    one = case(DeviceLost("erase", "it hangs"))
    with pytest.raises(DeviceLost):
        one.cleaner.wipe(HANDLE, SERVER)
    assert (one.entry.state, one.entry.server, one.entry.is_quarantined) == (State.ASSIGNED, SERVER, True)
    assert one.eraser.calls == ["erase"], "nothing touches it any more"
    one.release()
    assert not one.cleaner.settle(HANDLE)
    assert one.eraser.calls == ["erase"]


def test_what_is_quarantined_is_not_touched_for_a_rebuild(case):
    one = case()
    one.ledger.quarantine(A, "it hangs")
    words = "it is quarantined: it hangs; until nova-accel device undrain SN1 nothing touches it"
    with pytest.raises(HandleUnavailable, match=words):
        one.cleaner.wipe(HANDLE, SERVER)
    assert one.eraser.calls == []


def test_nothing_is_wiped_for_a_server_that_does_not_have_it(case):
    with pytest.raises(HandleUnavailable, match="it is assigned, so it is not wiped"):
        case().cleaner.wipe(HANDLE, "another")
