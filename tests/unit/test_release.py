"""What a server had is cleaned once it is done with it, and not before; nobody gets what could not be cleaned."""

from dataclasses import replace

import pytest

from nova_accel.exception import HandleUnavailable
from nova_accel.virt.evidence import ServerFacts
from tests.unit.conftest import DELETED, ssd_handle
from tests.unit.one_host import ONE, OTHER, SERVER, TWO, calls, classes, fail_to_clean, ssd, start, start_and_write


@pytest.fixture
def bench(make_bench):
    """A server has the only SSD, and a secret on it."""
    bench = make_bench(ssd())
    start_and_write(bench)
    return bench


A, B = ssd_handle("SN1"), ssd_handle("SN2")
OFFLOADED = ServerFacts(False, None, "shelved_offloaded", None, frozenset({A}), has=frozenset({A}))
SUSPENDED = ServerFacts(False, "here", "suspended", None, frozenset({A}), has=frozenset({A}))


@pytest.fixture
def failed(make_bench):
    return fail_to_clean(make_bench)


def test_deleting_erases_verifies_and_makes_available(bench):
    bench.host.ssds[ONE].content = {5: b"secret", 63 * 1024 * 1024: b"more"}
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "available"
    assert bench.host.ssds[ONE].content == {}
    assert (bench.host.ssds[ONE].bound_to, bench.host.ssds[ONE].override) == ("nvme", "")
    start(bench, "SN1", server=OTHER)


@pytest.mark.parametrize(("can_format", "call"), [(True, "erase"), (False, "zero")])
def test_the_method_follows_from_what_the_controller_says(make_bench, can_format, call):
    bench = make_bench(ssd(can_format=can_format))
    start(bench, "SN1")
    bench.service.release(SERVER, "Nova deleted it")
    assert [one[0] for one in calls(bench, "erase", "zero")] == [call]


def test_an_eraser_that_erases_nothing_ends_reserved_with_the_reason(failed):
    assert failed.state("SN1") == "clean failed"
    assert "format reported success, but nvme0n1 at byte 0 still holds data" in failed.reason("SN1")
    assert failed.host.ssds[ONE].bound_to == "vfio-pci"
    (plan,) = classes(failed, claimed=())
    assert (plan.reserved, plan.resources) == (1, frozenset())
    with pytest.raises(HandleUnavailable, match="it is clean failed"):
        start(failed, "SN1", server=OTHER)


def test_a_cleaning_that_failed_is_tried_again_after_the_next_start(failed, make_bench):
    failed.service.work()
    assert failed.state("SN1") == "clean failed"
    assert make_bench(host=failed.host).state("SN1") == "available"


def test_another_ssd_in_the_slot_is_not_erased_in_the_old_ones_name(bench):
    bench.host.unplug(ONE)
    bench.host.plug(ssd(serial="SN2", bound_to="vfio-pci", content={0: b"not SN1's"}))
    before = list(bench.host.calls)
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "dirty"
    assert bench.host.ssds[ONE].content == {0: b"not SN1's"}
    assert bench.host.calls == before


def test_an_ssd_that_moved_is_cleaned_where_it_is_found_again(bench):
    moved = bench.host.unplug(ONE)
    bench.service.release(SERVER, "Nova deleted it")
    bench.host.plug(replace(moved, address=TWO, bound_to="nvme"))
    bench.service.work()
    assert bench.state("SN1") == "available"
    assert bench.host.ssds[TWO].content == {}


def test_only_a_deleted_server_without_a_domain_is_released(bench):
    bench.service.work()
    assert bench.state("SN1") == "assigned"
    bench.servers[SERVER] = DELETED
    bench.domains[SERVER] = {ONE}
    bench.service.work()
    assert bench.state("SN1") == "assigned"
    bench.domains.clear()
    bench.service.work()
    assert bench.state("SN1") == "available"
    assert ("erase", ONE, "SN1", "format") in bench.host.calls


def test_a_cleaning_that_was_interrupted_is_begun_again_at_the_next_start(bench, make_bench):
    bench.service.ledger.release(SERVER, "Nova deleted it")
    bench.service.ledger.start_cleaning(ssd_handle("SN1"))
    assert make_bench(host=bench.host).state("SN1") == "available"
    assert bench.host.ssds[ONE].content == {}


def test_an_ssd_that_fell_ill_in_its_guest_is_not_offered_once_it_is_clean(bench):
    bench.host.ssds[ONE].smart = {"critical_warning": 4}
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "available"
    (plan,) = classes(bench)
    assert (plan.reserved, plan.resources) == (1, frozenset())


def test_whoever_else_nova_gives_it_to_gets_it_clean(bench):
    """As after Nova gave it to two servers: the second one, which was refused, goes on naming it."""
    bench.servers[SERVER], bench.claimants[A] = OFFLOADED, {OTHER}
    bench.service.work()
    assert (bench.state("SN1"), bench.host.ssds[ONE].content) == ("available", {})
    start(bench, "SN1", server=OTHER)


def test_in_an_older_ledger_what_nova_gives_to_one_other_server_is_that_servers(bench):
    bench.service.ledger.age.is_up_to_date()
    content = dict(bench.host.ssds[ONE].content)
    bench.servers[SERVER], bench.claimants[A] = OFFLOADED, {OTHER}
    bench.service.work()
    assert (bench.entry("SN1").server, bench.host.ssds[ONE].content) == (OTHER, content)


@pytest.mark.parametrize("claimants", [{SERVER, OTHER}, {OTHER, "a third"}])
def test_in_an_older_ledger_what_several_servers_may_have_is_kept_for_the_one_that_it_knows(bench, claimants):
    bench.service.ledger.age.is_up_to_date()
    content = dict(bench.host.ssds[ONE].content)
    bench.servers[SERVER], bench.claimants[A] = OFFLOADED, claimants
    bench.service.work()
    assert (bench.entry("SN1").server, bench.host.ssds[ONE].content) == (SERVER, content)


@pytest.mark.parametrize("older", [False, True])
def test_that_one_server_is_gone_takes_nothing_from_another(make_bench, older):
    """Another one is suspended, so its SSD is in no domain; and a move that failed long ago still names that SSD."""
    bench = make_bench(ssd(), ssd(TWO, "SN2"))
    start_and_write(bench)
    start(bench, "SN2", server=OTHER)
    if older:
        bench.service.ledger.age.is_up_to_date()
    bench.servers[SERVER] = SUSPENDED
    bench.servers[OTHER] = replace(OFFLOADED, claimed=frozenset({B}), has=frozenset({B}))
    bench.claimants[A] = {SERVER, "moved elsewhere"}
    bench.service.work()
    assert (bench.entry("SN1").server, bench.state("SN2")) == (SERVER, "available")
    start(bench, "SN1")


def test_in_an_older_ledger_what_two_servers_may_have_is_kept_also_where_nova_deletes_one(bench):
    bench.service.ledger.age.is_up_to_date()
    content = dict(bench.host.ssds[ONE].content)
    bench.claimants[A] = {SERVER, OTHER}
    bench.service.release(SERVER, "Nova deleted it")
    assert (bench.entry("SN1").server, bench.host.ssds[ONE].content) == (SERVER, content)
    bench.servers[SERVER], bench.claimants[A] = DELETED, {OTHER}
    bench.service.work()
    assert (bench.entry("SN1").server, bench.host.ssds[ONE].content) == (OTHER, content)
