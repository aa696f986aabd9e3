"""What is to be cleaned, and cannot be while it is not to be told apart or the host uses it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.one_host import ONE, TWO, calls, fail_to_clean, ssd


@pytest.fixture
def failed(make_bench):
    return fail_to_clean(make_bench)


@pytest.fixture
def mounted(make_bench):
    """The host has mounted the only SSD, and data on it that no server released."""
    bench = make_bench(ssd(content={8192: b"host data"}))
    bench.host.mount(ONE, "/srv")
    return bench


def ask_for_cleaning(bench, *, erase_foreign_data=False):
    """Have an operator ask; the next round takes it up and answers, and the SSD stays what it was."""
    before = bench.state("SN1")
    bench.service.ledger.operator.ask_for_cleaning("SN1", erase_foreign_data=erase_foreign_data)
    bench.service.work()
    assert (bench.state("SN1"), bench.entry("SN1").asked) == (before, None)


def test_what_cannot_be_told_apart_when_its_cleaning_is_due_is_cleaned_once_it_can(failed, monkeypatch):
    monkeypatch.setattr(failed.service.releaser._cleaner, "_clock", lambda: datetime.now(UTC) + timedelta(hours=1))
    assert failed.service._is_time()
    failed.host.plug(ssd(TWO))
    failed.service.work()
    assert failed.reason("SN1") == "is not in this host, or not where it was; cleaned once it is found again"
    assert not failed.service._is_time(), "nothing can be done before the next look finds it"
    failed.host.unplug(TWO)
    failed.service.work()
    assert (failed.state("SN1"), failed.host.ssds[ONE].content) == ("available", {})


def test_an_operator_who_wants_cleaned_what_cannot_be_told_apart_gets_an_answer(failed):
    failed.host.plug(ssd(TWO))
    ask_for_cleaning(failed)
    assert failed.state("SN1") == "clean failed"
    assert "cleaned once it is found again" in failed.reason("SN1")
    failed.host.unplug(TWO)
    failed.service.work()
    assert failed.state("SN1") == "available"


def test_an_operator_who_wants_read_what_is_not_eligible_gets_an_answer(mounted):
    ask_for_cleaning(mounted)
    assert mounted.state("SN1") == "dirty"
    assert mounted.reason("SN1") == "could not be read: the host has it mounted at /srv; unmount it to offer it"
    assert not mounted.service._is_time()


def test_what_the_host_uses_is_not_touched_although_an_operator_said_that_it_may_be_erased(mounted):
    """Before anything else root's side would have udev forget the mounted disk."""
    ask_for_cleaning(mounted, erase_foreign_data=True)
    assert mounted.state("SN1") == "dirty"
    why = "is not touched: the host has it mounted at /srv; unmount it to offer it; cleaned once that is over"
    assert mounted.reason("SN1") == why
    assert calls(mounted, "erase", "hand_over", "bring_back", "zero") == []
    assert not mounted.service._is_time()
    mounted.host.mount(ONE, "")
    mounted.service.work()
    assert (mounted.state("SN1"), mounted.host.ssds[ONE].content) == ("available", {})


def test_what_a_server_released_is_not_touched_while_the_host_uses_it(failed, make_bench):
    failed.host.bring_back(ONE)
    failed.host.settle(ONE)
    failed.host.mount(ONE, "/srv")
    before = calls(failed, "erase", "bring_back")
    again = make_bench(host=failed.host)
    assert "is not touched: the host has it mounted at /srv" in again.reason("SN1")
    assert calls(again, "erase", "bring_back") == before
