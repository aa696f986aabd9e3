"""What the kernel has to have: an IOMMU and a few modules."""

from pathlib import Path

from nova_accel.commands.checks.facts import Facts
from nova_accel.commands.checks.result import Result, failure, ok

_NO_SSDS = "no driver for SSDs is enabled"
_NO_PMEM = "no driver for persistent memory is enabled"

# A driver that is built in has no folder below /sys/module in every kernel, but always one on its bus.
_PMEM_MODULES = {
    "nd_pmem": "bus/nd/drivers/nd_pmem",
    "dax_pmem": "bus/nd/drivers/dax_pmem",
    "device_dax": "bus/dax/drivers/device_dax",
}


def iommu(facts: Facts) -> Result:
    """Without an IOMMU no PCI device gets into a guest."""
    if not facts.uses_ssds:
        return ok(_NO_SSDS)
    folder = facts.roots.sys / "kernel/iommu_groups"
    groups = len(list(folder.iterdir())) if folder.is_dir() else 0
    if groups == 0:
        return failure(
            "the kernel has no IOMMU groups",
            "Switch the IOMMU on in the firmware (VT-d, AMD-Vi) and with intel_iommu=on or its like on the kernel's command line.",
        )
    return ok(f"{groups} IOMMU groups")


def vfio(facts: Facts) -> Result:
    """Guests get their SSDs through vfio-pci; nova_accel itself may not load modules."""
    if not facts.uses_ssds:
        return ok(_NO_SSDS)
    if not _loaded(facts, "vfio_pci", "bus/pci/drivers/vfio-pci"):
        return failure(
            "the kernel module vfio-pci is not loaded",
            "modprobe vfio-pci, and copy modules-load.conf to /etc/modules-load.d/nova_accel.conf so that it is after a reboot.",
        )
    return ok("vfio-pci is loaded")


def pmem(facts: Facts) -> Result:
    """The modules that make a device of a PMEM namespace."""
    if not facts.uses_pmem:
        return ok(_NO_PMEM)
    missing = [name for name, folder in _PMEM_MODULES.items() if not _loaded(facts, name, folder)]
    if missing:
        names = " ".join(missing)
        return failure(
            f"not loaded: {names}",
            f"modprobe -a {names}. They load themselves where the firmware shows NVDIMMs: look there if they do not after a reboot.",
        )
    return ok(f"{', '.join(_PMEM_MODULES)} are loaded")


def _loaded(facts: Facts, module: str, driver: str) -> bool:
    return any((facts.roots.sys / Path(folder)).is_dir() for folder in (f"module/{module}", driver))
