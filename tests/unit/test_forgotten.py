"""Allocations of devices that are free, and that neither a server nor a move will give back: an operator hears of each once."""

import pytest

from nova_accel.provider_tree import names
from nova_accel.provider_tree.apply import Leftover
from nova_accel.virt.forgotten import Forgotten
from nova_accel.virt.nova_side import NovaSide
from tests.unit.one_host import ONE, SERVER, TWO, providers, ssd, start

MIGRATION = "33333333-3333-4333-8333-333333333333"
PROVIDERS = {
    Leftover(names.provider_uuid(f"node_accel_ssd_{serial}"), "CUSTOM_SSD"): serial for serial in ("SN1", "SN2")
}


class World:
    """Two SSDs, one of which a server has; Placement and Nova say what a test wants, and time goes by as it says."""

    def __init__(self, bench):
        start(bench, "SN2")
        self.bench = bench
        self.now = 0.0
        self.taken = {"SN1": [], "SN2": [SERVER]}
        self.known = {SERVER}
        self.asked = []
        nova = NovaSide(
            host="here",
            domains=dict,
            facts=lambda _: None,
            changed=lambda: None,
            consumers=self.who,
            forgotten=self.why,
        )
        self.forgotten = Forgotten(bench.service.ledger, bench.service._plans, nova, lambda: self.now)

    def make_plans(self):
        providers(self.bench)

    def who(self, place):
        self.asked.append(PROVIDERS[place])
        return self.taken[PROVIDERS[place]]

    def why(self, consumer):
        return "" if consumer in self.known else "which nobody knows"

    def pass_time(self, *, times, seconds=600.0):
        for _ in range(times):
            self.forgotten.look()
            self.now += seconds


@pytest.fixture
def world(make_bench):
    made = World(make_bench(ssd(ONE, "SN1"), ssd(TWO, "SN2")))
    made.make_plans()
    return made


def test_it_is_said_once_with_the_command_that_frees_it(world, caplog):
    world.taken["SN1"] = [MIGRATION]
    world.pass_time(times=5)
    (said,) = caplog.messages
    assert said == (
        f"Placement has CUSTOM_SSD of node_accel_ssd_SN1 as taken by {MIGRATION}, which nobody knows. Nothing of it will be offered until"
        f" somebody says: openstack resource provider allocation delete {MIGRATION}"
    )


def test_it_is_said_again_if_it_comes_back(world, caplog):
    for consumers in ([MIGRATION], [], [MIGRATION]):
        world.taken["SN1"] = consumers
        world.pass_time(times=2)
    assert len(caplog.messages) == 2


def test_a_server_that_nova_is_about_to_know_is_not_meant(world, caplog):
    world.taken["SN1"] = [MIGRATION]
    world.pass_time(times=1)
    world.known.add(MIGRATION)
    world.pass_time(times=3)
    assert caplog.messages == []


def test_what_servers_have_by_the_ledger_is_not_asked_about_and_the_rest_not_often(world):
    world.pass_time(times=40, seconds=60.0)
    assert world.asked == ["SN1"] * 4


def test_the_first_time_is_as_soon_as_nova_has_asked_for_plans(make_bench, caplog):
    world = World(make_bench(ssd(ONE, "SN1"), ssd(TWO, "SN2")))
    world.taken["SN1"] = [MIGRATION]
    world.pass_time(times=1, seconds=1.0)
    world.make_plans()
    caplog.clear()
    world.pass_time(times=1)
    assert (world.asked, caplog.messages) == (["SN1"], [])
    world.pass_time(times=1)
    assert len(caplog.messages) == 1


def test_the_service_does_it_in_its_rounds(make_bench, monkeypatch):
    bench = make_bench(ssd())
    looked = []
    monkeypatch.setattr(bench.service._forgotten, "look", lambda: looked.append(1))
    bench.service.work()
    assert looked == [1]
