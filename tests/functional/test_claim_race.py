"""Nova's own claim is not exclusive: an audit between the claim and the save forgets it. The ledger is."""

from dataclasses import replace

import pytest
from stevedore.extension import Extension

from nova_accel.drivers.base import SeenFunction
from nova_accel.drivers.nvme import NvmeSsdDriver
from nova_accel.ledger.store import Ledger
from nova_accel.model import Device
from tests.functional import base


class PoolDriver(NvmeSsdDriver):
    """All SSDs of a host in one provider with several units, so that Nova chooses among handles."""

    name = "pool_driver"

    def device(self, function: SeenFunction) -> Device:
        device = super().device(function)
        (part,) = device.deployables
        return replace(device, deployables=(replace(part, kind="pool", identity="all", traits=frozenset()),))


class ClaimRaceTest(base.AccelTestCase):
    enabled_drivers = ("pool_driver",)

    def setUp(self) -> None:
        super().setUp()
        self.use_drivers(Extension("pool_driver", "nowhere", PoolDriver, None))

    def test_the_provider_has_several_units(self) -> None:
        self.start_host("compute1", *base.ssds(2))
        pool = self.provider_named("compute1_accel_pool_all")
        assert self._get_provider_inventory(pool["uuid"])["CUSTOM_SSD"]["total"] == 2

    @pytest.mark.essential
    def test_the_loser_fails_with_a_sentence_and_the_winner_is_untouched(self) -> None:
        self.start_host("compute1", *base.ssds(2))
        flavor = self.ssd_flavor()
        with self.audit_in_the_window("compute1"):
            winner = self.boot(flavor)
        with self.assertLogs("nova.compute.manager", "DEBUG") as logs:
            loser = self.boot(flavor, "ERROR")
        (serial,) = self.in_domain(winner)
        assert f"{serial} cannot be given to server {loser['id']}: it is assigned to server {winner['id']}" in str(
            logs.output
        )
        assert [entry.handle.identity for entry in self.ledger().of_server(winner["id"])] == [serial]
        assert self.ledger().of_server(loser["id"]) == ()

    def test_the_loser_is_rescheduled_to_another_host(self) -> None:
        self.start_host("compute1", *base.ssds(2))
        flavor = self.ssd_flavor()
        with self.audit_in_the_window("compute1"):
            winner = self.boot(flavor)
        self.start_host("compute2", *base.ssds(2))
        # Only the first host is asked first: the other one is there for the second attempt.
        self.flags(build_failure_weight_multiplier=0.0, ram_weight_multiplier=-1000.0, group="filter_scheduler")
        loser = self.boot(flavor)
        assert loser["OS-EXT-SRV-ATTR:host"] == "compute2"
        assert self.in_domain(winner) != []

    def test_without_the_ledgers_claim_two_guests_would_have_one_handle(self) -> None:
        self.start_host("compute1", *base.ssds(2))
        flavor = self.ssd_flavor()
        with base.patched(Ledger, "claim", lambda ledger, handles, server: ()):
            with self.audit_in_the_window("compute1"):
                first = self.boot(flavor)
            second = self.boot(flavor)
            assert self.in_domain(first) == self.in_domain(second) != []
