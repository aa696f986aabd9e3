"""``status check``: what the kernel, the tools, libvirt and QEMU have to be."""

import shutil

import pytest
from stevedore import ExtensionManager
from stevedore.extension import Extension

from nova_accel.commands.checks.facts import Hypervisor, Unknown
from nova_accel.drivers import loading
from nova_accel.drivers.pmem import IntelPmemDriver
from tests.unit.commands.broken import FAILURE, Broken
from tests.unit.commands.checked_host import CheckedHost

BROKEN = (
    Broken(
        "IOMMU",
        "off",
        lambda host: shutil.rmtree(host.root / "sys/kernel/iommu_groups"),
        FAILURE,
        "the kernel has no IOMMU groups",
        "intel_iommu=on",
    ),
    Broken(
        "vfio module",
        "not loaded",
        lambda host: (host.root / "sys/bus/pci/drivers/vfio-pci").rmdir(),
        FAILURE,
        "vfio-pci is not loaded",
        "modprobe vfio-pci, and copy modules-load.conf",
    ),
    Broken(
        "PMEM modules",
        "one not loaded",
        lambda host: (host.root / "sys/bus/dax/drivers/device_dax").rmdir(),
        FAILURE,
        "not loaded: device_dax",
        "modprobe -a device_dax",
    ),
    *(
        Broken(
            "tools",
            f"no {tool}",
            lambda host, tool=tool: host.installed.remove(tool),
            FAILURE,
            f"not found in root's path: {tool}",
            f"Install the packages {package}.",
        )
        for tool, package in (
            ("lspci", "pciutils"),
            ("nvme", "nvme-cli"),
            ("blkdiscard", "util-linux"),
            ("wipefs", "util-linux"),
            ("ndctl", "ndctl"),
            ("daxio", "pmdk-tools"),
        )
    ),
    Broken(
        "libvirt",
        "too old",
        lambda host: setattr(host, "hypervisor", Hypervisor((7, 10, 0), (7, 2, 0))),
        FAILURE,
        "libvirt is 7.10.0",
        "Nova demands libvirt 8.0.0 or newer",
    ),
    Broken(
        "libvirt",
        "no answer",
        lambda host: setattr(host, "hypervisor", Unknown("libvirt at qemu:///system does not answer: no socket")),
        FAILURE,
        "libvirt at qemu:///system does not answer",
        "Start libvirtd",
    ),
    Broken(
        "QEMU",
        "too old",
        lambda host: setattr(host, "hypervisor", Hypervisor((8, 0, 0), (6, 1, 9))),
        FAILURE,
        "QEMU is 6.1.9",
        "Nova demands QEMU 6.2.0 or newer",
    ),
)


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_what_is_broken_is_found_alone_with_what_to_do(is_found_alone, broken: Broken):
    is_found_alone(broken)


def test_a_tool_that_does_not_tell_its_version_is_no_failure(run, host: CheckedHost):
    host.printed["daxio"] = "usage: daxio\n"
    del host.printed["ndctl"]
    checked = run("status", "check", "-f", "json", facts=host.facts)
    [row] = [row for row in checked.json if row["check"] == "tools"]
    assert row["found"] == (
        "lspci 3.9.0, nvme 2.3, blkdiscard 2.38.1, wipefs 2.38.1, ndctl of unknown version, daxio of unknown version"
    )


def take_out_what_is_for_ssds(host: CheckedHost) -> None:
    host.installed -= {"lspci", "nvme", "wipefs", "blkdiscard"}
    host.rules.unlink()
    host.devices_file.unlink()
    shutil.rmtree(host.root / "sys/kernel/iommu_groups")
    shutil.rmtree(host.root / "sys/bus/pci/drivers")


def test_a_host_for_pmem_alone_needs_nothing_for_ssds(run, host: CheckedHost):
    host.configure("nvme_ssd_driver,intel_pmem_driver\nnvme_ssd_filter = vendor_id:1b36", "intel_pmem_driver")
    take_out_what_is_for_ssds(host)
    assert run("status", "check", facts=host.facts).status == 0


def test_a_host_for_pmem_alone_needs_nothing_for_ssds_while_its_options_are_wrong_either(run, host: CheckedHost):
    host.configure("nvme_ssd_driver,intel_pmem_driver\nnvme_ssd_filter = vendor_id:1b36", "intel_pmem_driver")
    host.configure("pmem_namespaces = 6GB:ns0|ns1\n", "")
    take_out_what_is_for_ssds(host)
    checked = run("status", "check", "-f", "json", facts=host.facts)
    assert [row["check"] for row in checked.json if row["result"] != "ok"] == ["options"]


class AcmePmemDriver(IntelPmemDriver):
    """A driver of somebody else's."""

    name = "acme_pmem_driver"


def test_a_driver_for_pmem_is_known_by_what_it_does_not_by_its_name(run, host: CheckedHost, monkeypatch):
    extension = Extension("acme_pmem_driver", None, AcmePmemDriver, None)
    installed = ExtensionManager.make_test_instance([extension])
    monkeypatch.setattr(loading, "ExtensionManager", lambda namespace: installed)
    host.configure("nvme_ssd_driver,intel_pmem_driver\nnvme_ssd_filter = vendor_id:1b36", "acme_pmem_driver")
    take_out_what_is_for_ssds(host)
    checked = run("status", "check", "-f", "json", facts=host.facts)
    rows = {row["check"]: row for row in checked.json}
    assert rows["tools"]["found"] == "ndctl 76.1, daxio 1.12.1"
    assert rows["IOMMU"]["found"] == "no driver for SSDs is enabled"
    assert [name for name, row in rows.items() if row["result"] == "failure"] == []


def test_a_host_for_ssds_alone_needs_nothing_for_pmem(run, host: CheckedHost):
    host.configure("nvme_ssd_driver,intel_pmem_driver", "nvme_ssd_driver")
    host.configure("pmem_namespaces = 6GB:ns0|ns1\n", "")
    host.installed -= {"ndctl", "daxio"}
    shutil.rmtree(host.root / "sys/bus/nd/drivers")
    assert run("status", "check", facts=host.facts).status == 0


def test_a_module_that_has_a_folder_of_its_own_is_loaded(run, host: CheckedHost):
    (host.root / "sys/bus/pci/drivers/vfio-pci").rmdir()
    (host.root / "sys/module/vfio_pci").mkdir(parents=True)
    assert run("status", "check", facts=host.facts).status == 0
