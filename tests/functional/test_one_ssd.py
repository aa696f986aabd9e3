"""One SSD through every room: found, offered, claimed, in the guest, cleaned, offered again."""

import pytest

from nova_accel.xml.hostdev import PciHostdev
from tests.fakes.host import FakeSsd
from tests.functional import base


class OneSsdTest(base.AccelTestCase):
    @pytest.mark.essential
    def test_an_ssd_becomes_a_nested_provider_with_inventory_and_traits(self) -> None:
        self.start_host("compute1", FakeSsd("0000:01:00.0", "SN01", numa_node=1), FakeSsd("0000:02:00.0", "SN02"))
        provider = self.provider("SN01")
        assert provider["parent_provider_uuid"] == self.compute_rp_uuids["compute1"]
        assert self.inventory("SN01") == {
            "total": 1,
            "reserved": 0,
            "min_unit": 1,
            "max_unit": 1,
            "step_size": 1,
            "allocation_ratio": 1.0,
        }
        assert set(self._get_provider_traits(provider["uuid"])) == {
            "CUSTOM_SSD_REDHAT",
            "CUSTOM_SSD_VENDOR_ID_1B36",
            "CUSTOM_SSD_PRODUCT_ID_0010",
            "CUSTOM_NUMA_NODE_1",
            "OWNER_NOVA",
        }

    @pytest.mark.essential
    def test_a_server_gets_it_and_gives_it_back_clean(self) -> None:
        machine = self.start_host("compute1", *base.ssds(1))
        server = self.boot(self.ssd_flavor())
        (element,) = base.elements(self.domain_xml(server), "devices/hostdev")
        assert element.get("managed") == "no"
        assert self.in_domain(server) == self.in_instance(server) == ["SN01"]
        assert self.in_placement(server) == ["compute1_accel_ssd_SN01"]
        assert self.state("SN01") == "assigned"
        machine.ssds["0000:01:00.0"].content = {0: b"a tenant's"}

        self._delete_server(server)
        assert machine.ssds["0000:01:00.0"].content == {}
        assert self.state("SN01") == "available"
        assert (self.inventory("SN01")["reserved"], self.used("SN01")) == (0, 0)
        self.boot(self.ssd_flavor())

    def test_with_all_taken_the_next_finds_no_host(self) -> None:
        self.start_host("compute1", *base.ssds(1))
        self.boot(self.ssd_flavor())
        server = self.boot(self.ssd_flavor(), "ERROR")
        assert "No valid host was found" in self.fault(server)

    def test_an_ssd_that_cannot_be_cleaned_stays_reserved_and_the_next_finds_no_host(self) -> None:
        machine = self.start_host("compute1", *base.ssds(1, erases=False))
        server = self.boot(self.ssd_flavor())
        machine.ssds["0000:01:00.0"].content = {0: b"a tenant's"}
        self._delete_server(server)
        assert self.state("SN01") == "clean failed"
        assert (self.inventory("SN01")["reserved"], self.used("SN01")) == (1, 0)
        self.boot(self.ssd_flavor(), "ERROR")

    def test_the_hosts_own_disk_is_not_in_placement(self) -> None:
        machine_disks = [*base.ssds(1), FakeSsd("0000:05:00.0", "ROOT", mounted_at="/")]
        self.start_host("compute1", *machine_disks)
        assert set(self.our_providers()) == {"compute1_accel_ssd_SN01"}

    @pytest.mark.essential
    def test_a_second_update_changes_no_generation(self) -> None:
        self.start_host("compute1", *base.ssds(3))
        self.boot(self.ssd_flavor())
        before = {name: provider["generation"] for name, provider in self.our_providers().items()}
        self.audit()
        self.audit()
        assert {name: provider["generation"] for name, provider in self.our_providers().items()} == before

    def test_what_others_put_on_our_provider_stays(self) -> None:
        self.start_host("compute1", *base.ssds(1))
        uuid = self.provider("SN01")["uuid"]
        self._create_trait("CUSTOM_RACK_7")
        self._set_provider_traits(uuid, [*self._get_provider_traits(uuid), "CUSTOM_RACK_7"])
        self.computes["compute1"].manager.rt.reportclient.clear_provider_cache()
        self.audit()
        assert {"CUSTOM_RACK_7", "CUSTOM_SSD_REDHAT"} <= set(self._get_provider_traits(uuid))

    def test_a_trait_chooses_the_vendor(self) -> None:
        self.start_host("compute1", FakeSsd("0000:01:00.0", "OTHER"), FakeSsd("0000:02:00.0", "INSPUR", "1bd4", "1003"))
        server = self.boot(self.ssd_flavor(trait1__CUSTOM_SSD_INSPUR="required"))
        assert self.in_domain(server) == ["INSPUR"]
        self.boot(self.ssd_flavor(trait1__CUSTOM_SSD_INSPUR="required"), "ERROR")

    def test_two_ssds_are_two_numbered_groups(self) -> None:
        self.start_host("compute1", *base.ssds(3))
        server = self.boot(self.ssd_flavor(resources2__CUSTOM_SSD="1", group_policy="isolate"))
        assert len(self.in_domain(server)) == 2
        assert self.in_domain(server) == self.in_instance(server)

    def test_a_server_without_an_ssd_gets_none(self) -> None:
        self.start_host("compute1", *base.ssds(1))
        flavor = self._create_flavor(memory_mb=64, vcpu=1, disk=0, ephemeral=0)
        assert self.in_domain(self.boot(flavor)) == []

    @pytest.mark.essential
    def test_the_element_in_libvirt_is_the_one_we_made(self) -> None:
        self.start_host("compute1", *base.ssds(1))
        server = self.boot(self.ssd_flavor())
        (element,) = base.elements(self.domain_xml(server), "devices/hostdev")
        device = PciHostdev.from_element(element)
        assert device is not None
        assert (str(device.address), device.alias) == ("0000:01:00.0", "SN01")


class InspurTest(base.AccelTestCase):
    """The Inspur driver on lines as lspci prints them: no emulated controller carries that id."""

    enabled_drivers = ("inspur_nvme_ssd_driver",)

    def test_from_the_line_to_the_guest_and_back_whatever_pci_ids_calls_the_vendor(self) -> None:
        old_name = "Inspur Electronic Information Industry Co., Ltd."
        machine = self.start_host(
            "compute1",
            FakeSsd("0000:db:00.0", "INSPUR01", "1bd4", "1003"),
            FakeSsd("0000:dc:00.0", "INSPUR02", "1bd4", "1003", vendor_name=old_name),
            FakeSsd("0000:dd:00.0", "INSPUR03", "1bd4", "1003", vendor_name="IEIT SYSTEMS Co., Ltd"),
            FakeSsd("0000:02:00.0", "OTHER"),
        )
        serials = ["INSPUR01", "INSPUR02", "INSPUR03"]
        assert set(self.our_providers()) == {f"compute1_accel_ssd_{serial}" for serial in serials}
        for serial in serials:
            traits = set(self._get_provider_traits(self.provider(serial)["uuid"]))
            assert {"CUSTOM_SSD_INSPUR", "CUSTOM_SSD_PRODUCT_ID_1003", "CUSTOM_SSD_VENDOR_ID_1BD4"} <= traits
        servers = [self.boot(self.ssd_flavor(trait1__CUSTOM_SSD_INSPUR="required")) for _ in serials]
        assert sorted(self.in_domain(server) for server in servers) == [[serial] for serial in serials]
        for server in servers:
            self._delete_server(server)
        assert {self.state(serial) for serial in serials} == {"available"}
        assert {ssd.bound_to for ssd in machine.ssds.values()} == {"nvme"}

    def test_a_five_digit_domain_is_read_and_refused_with_the_reason(self) -> None:
        self.start_host("compute1", FakeSsd("10000:01:00.0", "INSPUR01", "1bd4", "1003"))
        (sighting,) = self.ledger().sightings.all().values()
        assert (sighting.address, sighting.driver) == ("10000:01:00.0", "inspur_nvme_ssd_driver")
        assert "switch Intel VMD off for it" in sighting.sentence
        assert self.our_providers() == {}


class NothingEnabledTest(base.AccelTestCase):
    enabled_drivers = ()

    @pytest.mark.essential
    def test_nothing_is_offered_and_nothing_of_the_host_is_asked(self) -> None:
        machine = self.start_host("compute1", *base.ssds(1))
        assert self.our_providers() == {}
        assert machine.calls == []
        self.boot(self._create_flavor(memory_mb=64, vcpu=1, disk=0, ephemeral=0))
