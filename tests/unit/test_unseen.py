"""A look that does not see an SSD does not make nova-compute forget which one it is."""

from dataclasses import replace

import pytest

from tests.fakes.host import FakeHost, FakeSsd
from tests.unit.conftest import DELETED, ssd_handle
from tests.unit.test_service import ONE, SERVER, providers, ssd, start

LINE_LOST = staticmethod(lambda one: "\x1b[2Jgarbage\n")


def deleted(bench):
    """Delete the server while nobody tells us, as the rounds find it."""
    bench.host.ssds[ONE].content = {4096: b"secret"}
    bench.servers[SERVER] = DELETED
    bench.domains.clear()


def test_a_server_starts_again_while_lspci_does_not_show_its_ssd(make_bench, monkeypatch):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.domains[SERVER] = {ONE}
    monkeypatch.setattr(FakeHost, "_lspci_line", LINE_LOST)
    bench.service.work()
    start(bench, "SN1")
    (plan,) = providers(bench, claimed={ssd_handle("SN1")}).values()
    assert plan.classes["CUSTOM_SSD"].resources == {ssd_handle("SN1")}


@pytest.mark.parametrize("rounds", [1, 3])
def test_an_ssd_that_lspci_did_not_show_is_known_and_cleaned_afterwards(make_bench, monkeypatch, rounds):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.domains[SERVER] = {ONE}
    with monkeypatch.context() as lost:
        lost.setattr(FakeHost, "_lspci_line", LINE_LOST)
        for _ in range(rounds):
            bench.service.work()
    bench.service.work()
    (candidate,) = bench.service.inventory.snapshot.candidates
    assert (candidate.identity, candidate.verdict.eligible) == ("SN1", True)
    start(bench, "SN1")
    deleted(bench)
    bench.service.work()
    assert bench.state("SN1") == "available"
    assert bench.host.ssds[ONE].content == {}
    assert bench.host.ssds[ONE].bound_to == "nvme"


def test_an_ssd_released_while_lspci_does_not_show_it_is_cleaned_once_it_does(make_bench, monkeypatch):
    bench = make_bench(ssd())
    start(bench, "SN1")
    with monkeypatch.context() as lost:
        lost.setattr(FakeHost, "_lspci_line", LINE_LOST)
        bench.service.work()
        deleted(bench)
        bench.service.work()
        bench.service.work()
    bench.service.work()
    assert bench.state("SN1") == "available"
    assert bench.host.ssds[ONE].content == {}


@pytest.mark.parametrize("deleted_meanwhile", [False, True])
def test_an_ssd_is_known_and_cleaned_after_its_driver_was_not_enabled_for_a_while(
    make_bench, settings, deleted_meanwhile
):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.domains[SERVER] = {ONE}
    without = make_bench(host=bench.host, options=replace(settings, enabled_drivers=("intel_pmem_driver",)))
    without.domains[SERVER] = {ONE}
    without.service.work()
    assert without.service.inventory.snapshot.candidates == ()
    if deleted_meanwhile:
        deleted(without)
        without.service.work()
        assert without.state("SN1") == "dirty"
    again = make_bench(host=bench.host)
    if not deleted_meanwhile:
        again.domains[SERVER] = {ONE}
        again.service.work()
        (candidate,) = again.service.inventory.snapshot.candidates
        assert (candidate.identity, candidate.verdict.eligible) == ("SN1", True)
        start(again, "SN1")
        deleted(again)
    again.service.work()
    assert again.state("SN1") == "available"
    assert again.host.ssds[ONE].content == {}


def test_what_is_known_of_an_ssd_ends_when_it_leaves_its_slot(make_bench, monkeypatch):
    bench = make_bench(ssd())
    start(bench, "SN1")
    monkeypatch.setattr(FakeHost, "_lspci_line", LINE_LOST)
    bench.host.unplug(ONE)
    bench.service.work()
    assert bench.service.ledger.sightings.all() == {}
    bench.host.plug(FakeSsd(ONE, "SN2", bound_to="vfio-pci"))
    bench.service.work()
    assert bench.service.inventory.snapshot.candidates == ()
    assert bench.service.ledger.sightings.all() == {}


def test_a_free_ssd_that_was_not_seen_is_read_again(make_bench, monkeypatch):
    bench = make_bench(ssd())
    with monkeypatch.context() as lost:
        lost.setattr(FakeHost, "_lspci_line", LINE_LOST)
        bench.service.work()
    assert bench.service.ledger.sightings.all() == {}
    bench.host.ssds[ONE].content = {0: b"written by nobody knows whom"}
    bench.service.work()
    assert bench.state("SN1") == "dirty"


def test_what_was_not_seen_is_not_shown_as_checked(make_bench, monkeypatch):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.service.ledger.release(SERVER, "deleted")
    monkeypatch.setattr(FakeHost, "_lspci_line", LINE_LOST)
    bench.service.work()
    (seen,) = bench.service.ledger.sightings.all().values()
    assert (seen.identity, seen.reason) == ("SN1", "not checked")
    assert "the last look did not see it" in seen.sentence
