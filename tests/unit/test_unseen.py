"""A look that does not see an SSD does not make nova-compute forget which one it is."""

import contextlib
from dataclasses import replace

import pytest

from tests.fakes.host import FakeSsd
from tests.unit.conftest import DELETED, ssd_handle
from tests.unit.one_host import ONE, SECRET, SERVER, providers, ssd, start

CLEAN = ("available", {})
"""The state of an SSD that was cleaned, and what is on it."""


@pytest.fixture
def bench(make_bench):
    """A server has the only SSD."""
    bench = make_bench(ssd())
    start(bench, "SN1")
    return bench


@pytest.fixture
def unseen(monkeypatch):
    """For a while lspci prints something else in the place of each SSD."""

    @contextlib.contextmanager
    def lose():
        with monkeypatch.context() as lost:
            lost.setattr(FakeSsd, "lspci_line", lambda one: "\x1b[2Jgarbage\n")
            yield

    return lose


def work_while_it_runs(bench, rounds=1):
    """Do what is to be done while the server's guest runs."""
    bench.domains[SERVER] = {ONE}
    for _ in range(rounds):
        bench.service.work()


def delete(bench):
    """Delete the server while nobody tells us, as the rounds find it."""
    bench.host.ssds[ONE].content = dict(SECRET)
    bench.servers[SERVER] = DELETED
    bench.domains.clear()


def known(bench):
    """The serial number of each SSD that the last look saw, and whether it is eligible."""
    return [(one.identity, one.verdict.eligible) for one in bench.service.inventory.snapshot.candidates]


def found(bench):
    return bench.state("SN1"), bench.host.ssds[ONE].content


def test_a_server_starts_again_while_lspci_does_not_show_its_ssd(bench, unseen):
    with unseen():
        work_while_it_runs(bench)
        start(bench, "SN1")
        (plan,) = providers(bench, claimed={ssd_handle("SN1")}).values()
        assert plan.classes["CUSTOM_SSD"].resources == {ssd_handle("SN1")}


@pytest.mark.parametrize("rounds", [1, 3])
def test_an_ssd_that_lspci_did_not_show_is_known_and_cleaned_afterwards(bench, unseen, rounds):
    with unseen():
        work_while_it_runs(bench, rounds)
    bench.service.work()
    assert known(bench) == [("SN1", True)]
    start(bench, "SN1")
    delete(bench)
    bench.service.work()
    assert found(bench) == CLEAN
    assert bench.host.ssds[ONE].bound_to == "nvme"


def test_an_ssd_released_while_lspci_does_not_show_it_is_cleaned_once_it_does(bench, unseen):
    with unseen():
        bench.service.work()
        delete(bench)
        bench.service.work()
        bench.service.work()
    bench.service.work()
    assert found(bench) == CLEAN


@pytest.fixture
def driverless(bench, make_bench, settings):
    """nova-compute was started again without the SSD's driver, while the server's guest runs."""
    bench = make_bench(host=bench.host, options=replace(settings, enabled_drivers=("intel_pmem_driver",)))
    work_while_it_runs(bench)
    assert known(bench) == []
    return bench


def test_an_ssd_is_known_and_cleaned_after_its_driver_was_not_enabled_for_a_while(driverless, make_bench):
    again = make_bench(host=driverless.host)
    work_while_it_runs(again)
    assert known(again) == [("SN1", True)]
    start(again, "SN1")
    delete(again)
    again.service.work()
    assert found(again) == CLEAN


def test_an_ssd_released_while_its_driver_is_not_enabled_is_cleaned_once_it_is(driverless, make_bench):
    delete(driverless)
    driverless.service.work()
    assert driverless.state("SN1") == "dirty"
    again = make_bench(host=driverless.host)
    again.service.work()
    assert found(again) == CLEAN


def test_what_is_known_of_an_ssd_ends_when_it_leaves_its_slot(bench, unseen):
    with unseen():
        bench.host.unplug(ONE)
        bench.service.work()
        assert bench.service.ledger.sightings.all() == {}
        bench.host.plug(FakeSsd(ONE, "SN2", bound_to="vfio-pci"))
        bench.service.work()
        assert known(bench) == []
        assert bench.service.ledger.sightings.all() == {}


def test_a_free_ssd_that_was_not_seen_is_read_again(make_bench, unseen):
    bench = make_bench(ssd())
    with unseen():
        bench.service.work()
    assert bench.service.ledger.sightings.all() == {}
    bench.host.ssds[ONE].content = {0: b"written by nobody knows whom"}
    bench.service.work()
    assert bench.state("SN1") == "dirty"


def test_what_was_not_seen_is_not_shown_as_checked(bench, unseen):
    bench.service.ledger.release(SERVER, "deleted")
    with unseen():
        bench.service.work()
    (seen,) = bench.service.ledger.sightings.all().values()
    assert (seen.identity, seen.reason) == ("SN1", "not checked")
    assert "the last look did not see it" in seen.sentence
