"""What hypothesis found in the laws, in as few steps as show it."""

from collections.abc import Iterator

import pytest

from nova_accel.exception import AccelError
from nova_accel.virt.unbacked import Unbacked
from tests.fakes.host import FakeSsd
from tests.unit.laws.machine import Host
from tests.unit.laws.world import PMEM, SSD
from tests.unit.one_host import ONE, SERVER, ssd, start, xml_of


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.world.close()
    host.folder.cleanup()


def put_back(host, address):
    """Take an SSD out and put it into its slot again; the kernel's nvme driver takes it."""
    taken: FakeSsd = host.unplug(address)
    taken.bound_to, taken.override, taken.vfio_user = "nvme", "", False
    host.plug(taken)


def test_a_stopped_servers_ssd_that_was_out_of_its_slot_is_known_again_after_a_start_before_the_next_look(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    xml = xml_of(bench, "SN1")
    put_back(bench.host, ONE)
    with pytest.raises(AccelError, match="another device"):
        bench.service.guests.prepare([bench.entry("SN1").handle], SERVER, xml)
    bench.service.work()
    start(bench, "SN1")
    assert bench.host.ssds[ONE].bound_to == "vfio-pci"


def another_has_it_and_an_older_ledger_is_put_back(host, wish, *, runs):
    """A second server writes on what a first one had, which the copy of the ledger knows nothing of."""
    host.world.settle()
    host.nova_builds_a_server(wish=(wish,))
    host.guest_writes(number=0)
    if not runs:
        host.user_stops(number=0)
    host.nova_compute_is_killed(starts_again=False)
    host.world.put_back_ledger()
    host.nova_compute_starts()
    host.nova_compute_works(until_done=True)
    host.laws()


@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize("wish", [SSD, PMEM])
def test_an_older_ledger_costs_no_server_its_data(host, wish, runs):
    host.nova_builds_a_server(wish=(wish,))
    host.world.back_up_ledger()
    host.user_deletes(number=0)
    another_has_it_and_an_older_ledger_is_put_back(host, wish, runs=runs)


@pytest.mark.parametrize("wish", [SSD, PMEM])
def test_an_older_ledger_has_nothing_cleaned_that_another_server_has_now(host, wish):
    host.nova_builds_a_server(wish=(wish,))
    host.user_deletes(number=0)
    host.world.back_up_ledger()
    another_has_it_and_an_older_ledger_is_put_back(host, wish, runs=False)


def test_what_could_not_be_taken_back_of_a_claim_is_not_offered_on_vfio_pci(host):
    host.namespaces_are_changed(number=0, what="disable or enable")
    host.something_goes_wrong_next(trouble=("bring_back", "fail"))
    host.nova_builds_a_server(wish=(SSD, PMEM))
    host.laws()
    host.world.settle()
    host.laws()
    assert {one.bound_to for one in host.world.fake.ssds.values()} == {"nvme"}


@pytest.mark.parametrize("asks", [True, False])
def test_what_nova_gave_back_after_a_rebuild_is_promised_to_nobody(host, monkeypatch, asks):
    """The law that says so breaks where Placement is not asked."""
    host.nova_builds_a_server(wish=(SSD,))
    host.something_goes_wrong_next(trouble=("hand_over", "fail"))
    host.user_rebuilds(number=0)
    if asks:
        host.it_is_quiet_for_a_while()
        return
    monkeypatch.setattr(Unbacked, "ask", lambda self: False)
    with pytest.raises(AssertionError, match="is promised and cannot be claimed"):
        host.it_is_quiet_for_a_while()
