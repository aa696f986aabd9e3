"""Persistent memory, from the region to the guest and back to clean."""

import dataclasses
import shutil

import pytest
from lxml import etree

from nova_accel.privsep.links import path_of
from nova_accel.virt import nova_private
from tests.functional import base
from tests.functional.base import namespaces, ssds

SIX, LARGE = "CUSTOM_PMEM_NAMESPACE_6GB", "CUSTOM_PMEM_NAMESPACE_LARGE"


class PmemTest(base.AccelTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.machine = self.start_host("compute1", *ssds(1), namespaces=namespaces("ns0", "ns1", "ns3"))
        self.six = [one.uuid for one in self.machine.pmem.namespaces.values() if one.name in ("ns0", "ns1")]
        (self.large,) = [one.uuid for one in self.machine.pmem.namespaces.values() if one.name == "ns3"]

    def region(self) -> dict:
        return self.provider_named(f"compute1_accel_pmem_{0x1000:016x}")

    def inventories(self) -> dict:
        return self._get_provider_inventory(self.region()["uuid"])

    def nvdimms(self, server: dict) -> list[etree._Element]:
        return list(base.elements(self.domain_xml(server), "devices/memory[@model='nvdimm']"))

    @pytest.mark.essential
    def test_a_region_is_a_provider_with_a_class_for_each_label(self) -> None:
        inventories = self.inventories()
        assert {name: one["total"] for name, one in inventories.items()} == {SIX: 2, LARGE: 1}
        assert {one["reserved"] for one in inventories.values()} == {0}
        traits = set(self._get_provider_traits(self.region()["uuid"]))
        assert traits == {SIX, LARGE, "OWNER_NOVA"}

    @pytest.mark.essential
    def test_hw_pmem_gives_the_guest_its_namespace_and_nova_a_numa_cell(self) -> None:
        server = self.boot(self.flavor(hw__pmem="LARGE"))
        (nvdimm,) = self.nvdimms(server)
        assert nvdimm.findtext("source/path") == path_of(self.large)
        assert self.machine.pmem.leading() == {self.large: "dax0.2"}
        assert nvdimm.find("alias").get("name") == f"ua-accel-{self.large}"
        (maximum,) = base.elements(self.domain_xml(server), "maxMemory")
        assert (maximum.get("slots"), int(maximum.text)) == ("1", 64 * 1024 + int(nvdimm.findtext("target/size")))
        assert len(list(base.elements(self.domain_xml(server), "cpu/numa/cell"))) == 1
        assert self.in_instance(server) == [self.large]
        assert self.entry(self.large).state.value == "assigned"

    @pytest.mark.essential
    def test_a_numbered_group_does_the_same_without_a_numa_topology(self) -> None:
        server = self.boot(self.flavor(**{f"resources1__{SIX}": "1"}))
        (nvdimm,) = self.nvdimms(server)
        assert nvdimm.findtext("source/path") in map(path_of, self.six)
        assert len(list(base.elements(self.domain_xml(server), "cpu/numa/cell"))) == 1

    @pytest.mark.essential
    def test_several_namespaces_and_an_ssd_come_in_the_order_of_the_flavor(self) -> None:
        server = self.boot(self.flavor(hw__pmem="LARGE,6GB,6GB", resources1__CUSTOM_SSD="1"))
        paths = [one.findtext("source/path") for one in self.nvdimms(server)]
        assert paths[0] == path_of(self.large)
        assert set(paths[1:]) == set(map(path_of, self.six))
        assert self.in_domain(server) == ["SN01"]
        (maximum,) = base.elements(self.domain_xml(server), "maxMemory")
        assert maximum.get("slots") == "3"
        for reboot in ("SOFT", "HARD"):
            self._reboot_server(server, hard=reboot == "HARD")
            assert [one.findtext("source/path") for one in self.nvdimms(server)] == paths
        self._stop_server(server)
        self._start_server(server)
        assert [one.findtext("source/path") for one in self.nvdimms(server)] == paths

    @pytest.mark.essential
    def test_data_stays_over_stop_and_reboot_and_is_zeroed_and_read_back_after_delete(self) -> None:
        server = self.boot(self.flavor(hw__pmem="LARGE"))
        namespace = self.machine.pmem.namespaces["namespace0.2"]
        namespace.content[4096] = b"the tenant's"
        self._stop_server(server)
        self._start_server(server)
        self._reboot_server(server, hard=True)
        assert namespace.content == {4096: b"the tenant's"}
        self._delete_server(server)
        assert namespace.content == {}
        assert self.entry(self.large).state.value == "available"
        assert "zeros through dax" in self.entry(self.large).cleaned
        self.boot(self.flavor(hw__pmem="LARGE"))

    @pytest.mark.essential
    def test_stored_xml_names_the_same_memory_after_a_reboot_of_the_host_that_numbers_it_anew(self) -> None:
        server = self.boot(self.flavor(hw__pmem="LARGE"))
        self.machine.pmem.namespaces["namespace0.2"].content[4096] = b"the tenant's"
        (before,) = self.nvdimms(server)
        self._reboot_host_and_exchange("namespace0.0", "namespace0.2")
        assert self.machine.pmem.leading() == {}
        self.restart_compute_service("compute1")
        assert self.machine.pmem.leading() == {self.large: "dax0.0"}
        self._reboot_server(server)  # a soft one, from what libvirt has stored
        (after,) = self.nvdimms(server)
        assert after.findtext("source/path") == before.findtext("source/path") == path_of(self.large)
        self._delete_server(server)
        assert self.machine.pmem.namespaces["namespace0.0"].content == {}
        assert self.entry(self.large).state.value == "available"

    def _reboot_host_and_exchange(self, one: str, other: str) -> None:
        """/dev is empty after a boot, and the kernel may find the namespaces in another order."""
        pmem = self.machine.pmem
        shutil.rmtree(pmem.links)
        self.machine.reboot_id("8f1c7a6e-0000-4000-8000-000000000002")
        was_one, was_other = pmem.destroy(one), pmem.destroy(other)
        pmem.create(dataclasses.replace(was_one, dev=other))
        pmem.create(dataclasses.replace(was_other, dev=one))

    def test_a_namespace_that_something_has_open_is_not_erased_and_stays_reserved(self) -> None:
        server = self.boot(self.flavor(hw__pmem="LARGE"))
        self.machine.pmem.namespaces["namespace0.2"].user = "daxio (process 7)"
        self._delete_server(server)
        entry = self.entry(self.large)
        assert entry.state.value == "clean failed"
        assert "daxio (process 7) has /dev/dax0.2 mapped" in entry.reason
        self.audit()
        assert self.inventories()[LARGE]["reserved"] == 1

    def test_two_of_one_label_come_from_one_region_only_in_an_unnumbered_group(self) -> None:
        """One in each of two regions: hw:pmem=6GB,6GB is one request for two units of one provider; two groups are two."""
        self.start_host("compute2", namespaces=[*namespaces("ns0"), *namespaces("ns1", region=1)])
        self._disable("compute1")
        self.boot(self.flavor(hw__pmem="6GB,6GB"), expected_state="ERROR")
        groups = {f"resources1__{SIX}": "1", f"resources2__{SIX}": "1", "group_policy": "none"}
        server = self.boot(self.flavor(**groups))
        assert len(list(base.elements(self.domain_xml(server, "compute2"), "devices/memory"))) == 2

    def _disable(self, hostname: str) -> None:
        (service,) = self.api.get_services(binary="nova-compute", host=hostname)
        self.api.put_service(service["id"], {"status": "disabled"})


class VanishingTest(base.AccelTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.machine = self.start_host("compute1", *ssds(2), namespaces=namespaces("ns0", "ns3"))

    def inventories(self) -> dict:
        (uuid,) = [one["uuid"] for name, one in self.our_providers().items() if "_accel_pmem_" in name]
        return self._get_provider_inventory(uuid)

    def work(self) -> None:
        self.computes["compute1"].driver._accel.work()

    def test_a_namespace_that_is_gone_takes_its_class_along_once_nothing_uses_it(self) -> None:
        self.machine.pmem.destroy("namespace0.1")
        with base.patched(nova_private, "consumers", lambda *_: ["somebody"]):
            self.work()
            self.audit()
            assert set(self.inventories()) == {SIX, LARGE}
            assert self.inventories()[LARGE]["reserved"] == 1
        self.work()
        assert set(self.inventories()) == {SIX}

    @pytest.mark.essential
    def test_a_namespace_in_a_guest_that_is_gone_keeps_class_and_allocation(self) -> None:
        server = self.boot(self.flavor(hw__pmem="LARGE"))
        (uuid,) = self.in_instance(server)
        self.machine.pmem.destroy("namespace0.1")
        for _ in range(3):
            self.work()
            self.audit()
        assert self.inventories()[LARGE]["total"] == 1
        assert self.in_instance(server) == [uuid]
        self._delete_server(server)
        for _ in range(2):
            self.work()
        assert set(self.inventories()) == {SIX}
        assert self.entry(uuid).state.value == "dirty"

    def test_an_ssd_that_is_pulled_while_free_goes_and_another_in_its_slot_is_a_new_one(self) -> None:
        self.machine.unplug("0000:01:00.0")
        self.work()
        self.work()
        assert [name for name in self.our_providers() if "_ssd_" in name] == ["compute1_accel_ssd_SN02"]
        self.machine.plug(base.FakeSsd("0000:01:00.0", "SN99"))
        self.work()
        assert sorted(name for name in self.our_providers() if "_ssd_" in name) == [
            "compute1_accel_ssd_SN02",
            "compute1_accel_ssd_SN99",
        ]

    @pytest.mark.essential
    def test_an_ssd_that_is_pulled_from_a_guest_keeps_its_provider_and_the_one_in_its_slot_is_not_given_to_the_guest(
        self,
    ) -> None:
        server = self.boot(self.ssd_flavor())
        (serial,) = self.in_instance(server)
        (address,) = [ssd.address for ssd in self.machine.ssds.values() if ssd.serial == serial]
        self.machine.unplug(address)
        self.machine.plug(base.FakeSsd(address, "SN99"))
        self.work()
        self.audit()
        assert self.used(serial) == 1
        self.api.post_server_action(server["id"], {"reboot": {"type": "HARD"}})
        assert f"Server {server['id']} is not started" in self.stdlog.logger.output
        assert "it is not in this host" in self.stdlog.logger.output
        assert self.api.get_server(server["id"])["status"] == "ACTIVE", "its guest goes on running"
        assert self.entry(serial).state.value == "assigned"
        assert self.machine.ssds[address].bound_to == "nvme"

    def test_a_namespace_that_was_disabled_meanwhile_is_read_again_before_it_is_offered(self) -> None:
        self.machine.pmem.enable("namespace0.1", enabled=False)
        self.work()
        assert self.inventories()[LARGE]["reserved"] == 1
        self.machine.pmem.namespaces["namespace0.1"].content[0] = b"written meanwhile"
        self.machine.pmem.enable("namespace0.1")
        self.work()
        assert self.inventories()[LARGE]["reserved"] == 1
        self.machine.pmem.namespaces["namespace0.1"].content.clear()
        self.machine.pmem.enable("namespace0.1", enabled=False)
        self.machine.pmem.enable("namespace0.1")
        uuid = self.machine.pmem.namespaces["namespace0.1"].uuid
        self.ledger().operator.ask_for_cleaning(uuid, erase_foreign_data=False)
        self.work()
        assert self.inventories()[LARGE]["reserved"] == 0

    def test_a_label_that_is_renamed_moves_a_free_namespace_and_leaves_one_that_a_server_has(self) -> None:
        server = self.boot(self.flavor(hw__pmem="6GB"))
        self.flags(pmem_namespaces=["BIG:ns0|ns3"], group="nova_accel")
        self.restart_compute_service("compute1")
        self.work()
        self.work()
        big = "CUSTOM_PMEM_NAMESPACE_BIG"
        assert {name: one["total"] for name, one in self.inventories().items()} == {SIX: 1, big: 1}
        self._delete_server(server)
        self.work()
        self.work()
        self.work()
        assert {name: one["total"] for name, one in self.inventories().items()} == {big: 2}
