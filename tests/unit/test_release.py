"""What a server had is cleaned once it is done with it, and not before; nobody gets what could not be cleaned."""

from dataclasses import replace

import pytest

from nova_accel.exception import HandleUnavailable
from tests.unit.conftest import DELETED, ssd_handle
from tests.unit.one_host import ONE, OTHER, SERVER, TWO, calls, classes, fail_to_clean, ssd, start, start_and_write


@pytest.fixture
def bench(make_bench):
    """A server has the only SSD, and a secret on it."""
    bench = make_bench(ssd())
    start_and_write(bench)
    return bench


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
