"""What a server keeps although Nova gave its allocation back, because a rebuild failed, is reserved in Placement."""

import pytest

from nova_accel.ledger.states import State
from tests.fakes.pmem import FakeNamespace
from tests.unit.conftest import ssd_handle
from tests.unit.one_host import ONE, OTHER, SERVER, TWO, ssd, start, start_with

BOTH = {"SN1": 0, "SN2": 0}


@pytest.fixture
def bench(make_bench):
    """An SSD for each of two servers."""
    bench = make_bench(ssd(ONE, "SN1"), ssd(TWO, "SN2"), begun=False)
    start(bench, "SN1")
    start(bench, "SN2", server=OTHER)
    return bench


def reserved(bench):
    """How many are reserved, by the end of the provider's name, after a round that follows an update of Nova's."""
    for step in (bench.service.work, lambda: None):
        given = [one.handle for one in bench.service.ledger.entries().values() if one.state is State.ASSIGNED]
        plans = bench.service.providers("node", given)
        step()
    return {plan.name.rpartition("_")[2]: part.reserved for plan in plans for part in plan.classes.values()}


def asked_in_a_round(bench):
    bench.asked.clear()
    bench.service._unbacked.ask()
    return len(bench.asked)


def test_what_has_its_allocation_is_not_reserved(bench):
    bench.service.rebuilds.erase([ssd_handle("SN1")], SERVER)
    assert reserved(bench) == BOTH


@pytest.mark.parametrize("times", [1, 3])
def test_a_rebuild_that_fails_after_the_devices_were_erased(bench, times):
    assert reserved(bench) == BOTH
    bench.service.rebuilds.erase([ssd_handle("SN1")], SERVER)
    assert reserved(bench) == BOTH, "it is going on"
    bench.given_back.add(SERVER)
    for _ in range(times):
        assert reserved(bench) == BOTH | {"SN1": 1}
    bench.given_back.clear()
    assert reserved(bench) == BOTH


def test_a_rebuild_that_had_failed_before_nova_compute_started(bench):
    bench.given_back.add(SERVER)
    assert reserved(bench) == BOTH | {"SN1": 1}


def test_placement_is_asked_about_everything_once_and_then_about_what_was_rebuilt(bench):
    assert asked_in_a_round(bench) == 0, "no provider is known yet"
    bench.service.providers("node", [])
    assert asked_in_a_round(bench) == 2
    assert asked_in_a_round(bench) == 0
    bench.service.rebuilds.erase([ssd_handle("SN1")], SERVER)
    assert asked_in_a_round(bench) == 1
    bench.service.release(SERVER, "Nova deleted it")
    assert asked_in_a_round(bench) == 0


def test_where_placement_does_not_answer_everything_is_asked_about_again(bench, monkeypatch):
    def fail(_):
        raise TimeoutError

    bench.service.providers("node", [])
    with monkeypatch.context() as patched:
        patched.setattr(bench.service._unbacked, "_consumers", fail)
        with pytest.raises(TimeoutError):
            bench.service._unbacked.ask()
    assert asked_in_a_round(bench) == 2


def test_what_another_server_has_of_the_same_region_does_not_stand_for_it(make_bench):
    bench = make_bench(namespaces=[FakeNamespace("namespace0.0", "ns0"), FakeNamespace("namespace0.1", "ns1")])
    one, two = bench.service.ledger.entries()
    start_with(bench, [one], SERVER)
    start_with(bench, [two], OTHER)
    assert list(reserved(bench).values()) == [0]
    bench.given_back.add(SERVER)
    bench.service.rebuilds.erase([one], SERVER)
    assert list(reserved(bench).values()) == [1]


def test_what_may_be_of_its_migration_stands_for_it(bench, monkeypatch):
    """The way back from a move would fail if it were reserved."""
    bench.service.rebuilds.erase([ssd_handle("SN1")], SERVER)
    monkeypatch.setattr(bench.service._unbacked, "_consumers", lambda _: ["33333333-3333-4333-8333-333333333333"])
    assert reserved(bench) == BOTH


def test_the_doubt_stays_while_somebody_else_is_about_to_fail_with_it(bench, monkeypatch):
    """A server that Placement gave it to, and that will not get it."""
    bench.given_back.add(SERVER)
    assert reserved(bench) == BOTH | {"SN1": 1}
    with monkeypatch.context() as patched:
        patched.setattr(bench.service._unbacked, "_consumers", lambda _: ["a server that is being built"])
        assert reserved(bench) == BOTH
    assert reserved(bench) == BOTH | {"SN1": 1}
