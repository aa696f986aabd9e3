"""A guest gets exactly its SSDs, where it starts, and nobody else gets them."""

from pathlib import Path

import pytest

from nova_accel.exception import HandleUnavailable, LedgerError, PrivilegedCallError
from tests.unit.conftest import ssd_handle
from tests.unit.one_host import ONE, OTHER, SERVER, TWO, calls, classes, ssd, start, xml_of


@pytest.fixture
def bench(make_bench):
    """One SSD that is free."""
    return make_bench(ssd())


@pytest.fixture
def two(make_bench):
    """Two of them."""
    return make_bench(ssd(), ssd(TWO, "SN2"))


def test_a_guest_gets_its_ssd_on_vfio_and_the_ledger_knows_first(bench):
    start(bench, "SN1")
    assert bench.host.ssds[ONE].bound_to == "vfio-pci"
    (entry,) = bench.service.ledger.of_server(SERVER)
    assert entry.handle == ssd_handle("SN1")
    (plan,) = classes(bench, claimed={ssd_handle("SN1")})
    assert (plan.reserved, plan.resources) == (0, {ssd_handle("SN1")})


def test_another_server_is_refused_and_nothing_moves(bench):
    start(bench, "SN1")
    before = list(bench.host.calls)
    with pytest.raises(HandleUnavailable, match=f"assigned to server {SERVER}"):
        start(bench, "SN1", server=OTHER)
    assert bench.host.calls == before


def test_a_look_while_the_guest_runs_keeps_serial_provider_and_claim(bench):
    start(bench, "SN1")
    bench.service.work()
    (candidate,) = bench.service.inventory.snapshot.candidates
    assert (candidate.identity, candidate.verdict.eligible) == ("SN1", True)
    assert bench.state("SN1") == "assigned"


def test_the_same_server_starts_again_without_another_bind(bench):
    start(bench, "SN1")
    start(bench, "SN1")
    assert len(calls(bench, "hand_over")) == 1


@pytest.mark.parametrize(
    ("starts_before", "driver", "state"),
    [(0, "nvme", "available"), (1, "vfio-pci", "assigned")],
    ids=["swapped before its first start", "swapped while it was stopped"],
)
def test_another_ssd_in_the_slot_is_not_attached_in_the_old_ones_name(bench, starts_before, driver, state):
    for _ in range(starts_before):
        start(bench, "SN1")
    xml = xml_of(bench, "SN1")
    bench.host.unplug(ONE)
    bench.host.plug(ssd(serial="SN2", bound_to=driver))
    with pytest.raises(HandleUnavailable, match=r"another device is at 0000:01:00\.0 now"):
        bench.service.guests.prepare([ssd_handle("SN1")], SERVER, xml)
    assert bench.state("SN1") == state
    assert bench.host.ssds[ONE].bound_to == driver


def test_if_one_of_two_cannot_be_bound_both_are_given_back(two):
    two.host.ssds[TWO].open_elsewhere = True
    with pytest.raises(PrivilegedCallError, match="in use by this host"):
        start(two, "SN1", "SN2")
    assert [two.state(serial) for serial in ("SN1", "SN2")] == ["available", "available"]
    assert [two.host.ssds[at].bound_to for at in (ONE, TWO)] == ["nvme", "nvme"]


def test_a_domain_whose_xml_names_another_device_does_not_start(two):
    with pytest.raises(HandleUnavailable, match=r"its domain XML names SN2 at 0000:02:00\.0"):
        two.service.guests.prepare([ssd_handle("SN1")], SERVER, xml_of(two, "SN2"))
    assert two.state("SN1") == "available"


def test_a_domain_that_has_our_device_from_somewhere_else_does_not_start(bench):
    foreign = xml_of(bench, "SN1").replace("ua-accel-", "ua-other-")
    with pytest.raises(HandleUnavailable, match=r"take it out of Nova's own options"):
        bench.service.guests.prepare([], SERVER, foreign)


def test_without_a_ledger_nothing_is_given_away(bench):
    xml = xml_of(bench, "SN1")
    Path(bench.service.ledger.path).write_bytes(b"garbage" * 1000)
    with pytest.raises(LedgerError):
        bench.service.guests.prepare([ssd_handle("SN1")], SERVER, xml)
    assert bench.host.ssds[ONE].bound_to == "nvme"
