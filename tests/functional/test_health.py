"""A device that is not well waits, reserved and untouched, until it is well again; a server keeps the one it has."""

import pytest

from tests.functional import base

AT, SPACE = "0000:01:00.0", "namespace0.0"
UNWELL = {"critical_warning": 0b100}


class HealthTest(base.AccelTestCase):
    def round(self) -> None:
        """What nova-compute does once a minute."""
        self.computes["compute1"].driver._accel.work()

    @pytest.mark.essential
    def test_an_ssd_that_is_not_well_is_reserved_until_it_is(self) -> None:
        machine = self.start_host("compute1", *base.ssds(1))
        ssd = machine.ssds[AT]
        assert self.inventory("SN01")["reserved"] == 0
        ssd.smart = UNWELL
        calls = len(machine.calls)
        self.round()
        assert (self.inventory("SN01")["reserved"], self.used("SN01")) == (1, 0)
        assert "No valid host was found" in self.fault(self.boot(self.ssd_flavor(), "ERROR"))
        ssd.smart = {}
        self.round()
        assert (self.inventory("SN01")["reserved"], self.state("SN01")) == (0, "available")
        assert {call[0] for call in machine.calls[calls:]} == {
            "lspci",
            "ndctl",
            "who_uses",
            "signatures",
            "smart_logs",
        }, "looked at only"
        assert self.in_domain(self.boot(self.ssd_flavor())) == ["SN01"]

    def test_the_reason_is_what_an_operator_reads(self) -> None:
        machine = self.start_host("compute1", *base.ssds(1))
        machine.ssds[AT].smart = UNWELL
        self.round()
        sighting = self.ledger().sightings.all()[AT]
        assert sighting.reason == "critical warning"
        assert "has become unreliable" in sighting.sentence

    @pytest.mark.essential
    def test_a_server_keeps_an_ssd_that_is_no_longer_well(self) -> None:
        machine = self.start_host("compute1", *base.ssds(1))
        server = self.boot(self.ssd_flavor())
        ssd = machine.ssds[AT]
        ssd.smart, ssd.content = UNWELL, {0: b"a tenant's"}
        self.round()
        self.audit()
        assert self.api.get_server(server["id"])["status"] == "ACTIVE"
        server = self._reboot_server(server, hard=True)
        assert (self.in_domain(server), self.in_instance(server)) == (["SN01"], ["SN01"])
        assert (self.inventory("SN01")["reserved"], self.used("SN01")) == (0, 1)
        assert ssd.content == {0: b"a tenant's"}
        assert (self.state("SN01"), ssd.bound_to) == ("assigned", "vfio-pci")

    def test_after_its_server_it_is_cleaned_and_then_waits(self) -> None:
        machine = self.start_host("compute1", *base.ssds(1))
        server = self.boot(self.ssd_flavor())
        ssd = machine.ssds[AT]
        ssd.smart, ssd.content = UNWELL, {0: b"a tenant's"}
        self._delete_server(server)
        self.round()
        assert (ssd.content, self.state("SN01")) == ({}, "available")
        assert self.inventory("SN01")["reserved"] == 1
        ssd.smart = {}
        self.round()
        assert self.inventory("SN01")["reserved"] == 0

    def test_one_that_does_not_say_how_it_is_is_offered(self) -> None:
        machine = self.start_host("compute1", *base.ssds(1, smart=None))
        assert self.inventory("SN01")["reserved"] == 0
        assert any(call[0] == "smart_logs" for call in machine.calls)

    def test_a_namespace_with_bad_blocks_is_reserved_until_they_are_gone(self) -> None:
        machine = self.start_host("compute1", namespaces=base.namespaces("ns0"))
        space = machine.pmem.namespaces[SPACE]
        reserved = []
        for bad_blocks in (0, 17, 0):
            space.bad_blocks = bad_blocks
            self.round()
            reserved += [self.pmem_inventory()["reserved"]]
        assert reserved == [0, 1, 0]
        assert self.state(space.uuid) == "available"

    def pmem_inventory(self) -> dict:
        (provider,) = self.our_providers().values()
        return self._get_provider_inventory(provider["uuid"])["CUSTOM_PMEM_NAMESPACE_6GB"]
