"""What is wrong with the configuration stops nova-compute's start with one sentence; what depends on hardware stops nothing."""

import contextlib
import sqlite3

import pytest
from nova import exception as nova_exception

from nova_accel.exception import PrivilegedCallError
from tests.fakes.host import FakeHost
from tests.functional import base
from tests.functional.base import namespaces, ssds

SIX = "CUSTOM_PMEM_NAMESPACE_6GB"
LONG = "L" * 234
ALL_DRIVERS = ["inspur_nvme_ssd_driver", "nvme_ssd_driver", "intel_pmem_driver"]

# The option, its value, what the log shows as its value, and the end of the sentence.
WRONG = {
    "an unknown driver": (
        "enabled_drivers",
        ["intel_pmem_driver", "inspur_driver"],
        "intel_pmem_driver,inspur_driver",
        "'inspur_driver' is not among inspur_nvme_ssd_driver, intel_pmem_driver, nvme_ssd_driver.",
    ),
    "a driver named twice": (
        "enabled_drivers",
        ["intel_pmem_driver", "intel_pmem_driver"],
        "intel_pmem_driver,intel_pmem_driver",
        "a driver is named twice.",
    ),
    "a malformed filter": (
        "nvme_ssd_filter",
        ["vendor_id:*", "vendor:8086"],
        "vendor:8086",
        "expected key:pattern with each key once, out of vendor_id, product_id, address, serial.",
    ),
    "a number that is none": (
        "nvme_ssd_filter",
        ["vendor_id:0x8086"],
        "vendor_id:0x8086",
        "'0x8086' is neither four hexadecimal digits nor *.",
    ),
    "no filter": (
        "nvme_ssd_filter",
        [],
        "",
        "nvme_ssd_driver needs at least one, such as vendor_id:8086 (vendor_id:* takes every NVMe SSD).",
    ),
    "no namespace": (
        "pmem_namespaces",
        [],
        "",
        "intel_pmem_driver needs at least one namespace, such as 6GB:ns0|ns1.",
    ),
    "a missing colon": (
        "pmem_namespaces",
        ["6GB:ns0", "LARGE"],
        "6GB:ns0,LARGE",
        "'LARGE' has no colon between label and namespaces; it looks like 6GB:ns0|ns1|ns2,LARGE:ns3.",
    ),
    "an empty label": (
        "pmem_namespaces",
        [":ns0"],
        ":ns0",
        "a label is empty; it looks like 6GB:ns0|ns1|ns2,LARGE:ns3.",
    ),
    "an empty name": (
        "pmem_namespaces",
        ["6GB:ns0|"],
        "6GB:ns0|",
        "'6GB:ns0|' names an empty namespace; it looks like 6GB:ns0|ns1|ns2,LARGE:ns3.",
    ),
    "a namespace listed twice": (
        "pmem_namespaces",
        ["6GB:ns0", "LARGE:ns0"],
        "6GB:ns0,LARGE:ns0",
        "namespace 'ns0' is listed twice.",
    ),
    "a label that is no class name": (
        "pmem_namespaces",
        ["6-GB:ns0"],
        "6-GB:ns0",
        "label '6-GB' makes no resource class, which has letters, digits and _ only.",
    ),
    "a label that is too long": (
        "pmem_namespaces",
        [f"{LONG}:ns0"],
        f"{LONG}:ns0",
        f"label '{LONG[:40]}'… is longer than 233 characters.",
    ),
}


class WrongConfigurationTest(base.AccelTestCase):
    @pytest.mark.essential
    def test_each_mistake_stops_the_start_with_one_sentence(self) -> None:
        for mistake, (option, value, shown, says) in WRONG.items():
            right = {"enabled_drivers": ALL_DRIVERS, "nvme_ssd_filter": ["vendor_id:*"], "pmem_namespaces": ["6GB:ns0"]}
            self.flags(**(right | {option: value}), group="nova_accel")
            with pytest.raises(nova_exception.InvalidConfiguration) as error:
                self.start_host("compute1")
            assert str(error.value) == f"[nova_accel] {option} = {shown!r} is not valid: {says}", mistake
        assert self.computes == {}

    def test_the_file_of_another_program_in_the_ledgers_place_stops_it_too_and_is_left_alone(self) -> None:
        path = self.folder / "compute1.sqlite"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE theirs (word TEXT)")
        before = path.read_bytes()
        with pytest.raises(
            nova_exception.InvalidConfiguration,
            match=r"^\[nova_accel\] ledger_path: the ledger .*compute1.* an SQLite file of another program",
        ):
            self.start_host("compute1")
        assert path.read_bytes() == before

    def test_a_ledger_that_cannot_be_opened_stops_nothing(self) -> None:
        (self.folder / "compute1.sqlite").mkdir()
        self.start_host("compute1", *ssds(1))
        self.boot(self.ssd_flavor(), "ERROR")
        (self.folder / "compute1.sqlite").rmdir()
        self.computes["compute1"].driver._accel.work()
        self.boot(self.ssd_flavor())

    def test_an_option_of_a_driver_that_is_not_enabled_is_not_asked(self) -> None:
        self.flags(enabled_drivers=["inspur_nvme_ssd_driver"], pmem_namespaces=["LARGE"], group="nova_accel")
        self.flags(nvme_ssd_filter=["vendor:8086"], group="nova_accel")
        self.start_host("compute1", *ssds(1, vendor_id="1bd4"))
        self.boot(self.ssd_flavor())


class FailingHardwareTest(base.AccelTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.machines["compute1"] = FakeHost(self.folder / "compute1", ssds(1), namespaces("ns0", "ns1"))
        self.machine = self.machines["compute1"]
        self.ssd_provider = "compute1_accel_ssd_SN01"
        self.region = f"compute1_accel_pmem_{0x1000:016x}"
        self.wants_ssd = self.ssd_flavor()
        self.wants_pmem = self.flavor(hw__pmem="6GB")

    def fails(self, tool: str) -> None:
        def fail() -> str:
            raise PrivilegedCallError(tool, f"{tool} cannot be started: No such file or directory")

        patch = base.patched(self.machine, tool, fail)
        patch.start()
        self.addCleanup(patch.stop)
        self.mend = patch.stop

    def work(self) -> None:
        for _ in range(3):
            self.computes["compute1"].driver._accel.work()
            self.audit()

    def standing(self, name: str, resource_class: str) -> tuple[int, int]:
        inventory = self._get_provider_inventory(self.provider_named(name)["uuid"])[resource_class]
        return inventory["total"], inventory["reserved"]

    def said(self, words: str) -> list[str]:
        return [line for line in self.stdlog.logger.output.splitlines() if words in line]

    def test_without_ndctl_nova_compute_starts_and_gives_ssds(self) -> None:
        self.fails("ndctl")
        self.start_compute("compute1")
        self.work()
        assert list(self.our_providers()) == [self.ssd_provider]
        assert self.said("Traceback") == []
        self.boot(self.wants_ssd)
        self.boot(self.wants_pmem, "ERROR")
        (line,) = self.said("PMEM namespaces could not be looked at")
        assert "ndctl cannot be started: No such file or directory" in line

    def test_without_lspci_nova_compute_starts_and_gives_persistent_memory(self) -> None:
        self.fails("lspci")
        self.start_compute("compute1")
        self.work()
        assert list(self.our_providers()) == [self.region]
        self.boot(self.wants_pmem)
        assert len(self.said("NVMe SSDs could not be looked at")) == 1

    def test_without_any_tool_nova_compute_starts_and_gives_nothing_until_it_can(self) -> None:
        self.fails("ndctl")
        mend_ndctl = self.mend
        self.fails("lspci")
        self.start_compute("compute1")
        assert self.our_providers() == {}
        self.boot(self._create_flavor(memory_mb=64, vcpu=1, disk=0, ephemeral=0))
        self.mend()
        mend_ndctl()
        self.work()
        self.boot(self.wants_ssd)
        self.boot(self.wants_pmem)

    def test_a_name_that_no_namespace_carries_is_a_warning(self) -> None:
        self.start_compute("compute1")
        self.work()
        (line,) = self.said("pmem_namespaces names ns2, ns3, but no namespace of this host is called so")
        assert "WARNING" in line
        self.boot(self.wants_pmem)

    def test_a_restart_without_ndctl_takes_no_provider_away_and_no_namespace_from_a_server(self) -> None:
        self.start_compute("compute1")
        server = self.boot(self.wants_pmem)
        (uuid,) = self.in_instance(server)
        provider = self.provider_named(self.region)
        traits = set(self._get_provider_traits(provider["uuid"]))
        self.fails("ndctl")
        self.restart_compute_service("compute1")
        self.work()
        assert self.provider_named(self.region)["uuid"] == provider["uuid"]
        assert set(self._get_provider_traits(provider["uuid"])) == traits
        assert self.standing(self.region, SIX) == (2, 1)
        assert self.in_instance(server) == [uuid]
        self.boot(self.wants_pmem, "ERROR")
        self.boot(self.wants_ssd)
        self.mend()
        self.work()
        assert self.standing(self.region, SIX) == (2, 0)
        assert self.entry(uuid).state.value == "assigned"
        self.boot(self.wants_pmem)

    def test_a_tool_that_fails_later_takes_nothing_away(self) -> None:
        self.start_compute("compute1")
        self.fails("ndctl")
        self.fails("lspci")
        self.work()
        assert self.standing(self.region, SIX) == (2, 0)
        assert self.standing(self.ssd_provider, "CUSTOM_SSD") == (1, 0)
        self.boot(self.wants_ssd)
        self.boot(self.wants_pmem)
