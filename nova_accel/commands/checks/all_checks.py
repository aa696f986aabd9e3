"""The checks there are, in the order in which an operator would set things right."""

from collections.abc import Callable

from nova_accel.commands.checks import (
    cleaning,
    initramfs,
    kernel,
    ledger,
    options,
    owners,
    root_side,
    tenants_data,
    tools,
    versions,
)
from nova_accel.commands.checks.facts import Facts
from nova_accel.commands.checks.result import Check, Result, not_possible
from nova_accel.exception import AccelError

CHECKS = (
    Check("compute driver", "[DEFAULT] compute_driver", options.compute_driver),
    Check("options", "[nova_accel] as nova-compute reads it at its start", options.valid),
    Check("options without effect", "[nova_accel] against enabled_drivers", options.without_effect),
    Check("double owners", "[pci] device_spec, [libvirt] pmem_namespaces and the last verdicts", owners.double),
    Check("IOMMU", "/sys/kernel/iommu_groups", kernel.iommu),
    Check("vfio module", "/sys/bus/pci/drivers/vfio-pci", kernel.vfio),
    Check("PMEM modules", "/sys/bus/nd/drivers and /sys/bus/dax/drivers", kernel.pmem),
    Check("tools", "root's path, and the versions that the tools print", tools.tools),
    Check("libvirt", "the version that libvirt tells", versions.libvirt),
    Check("QEMU", "the version that libvirt tells", versions.qemu),
    Check("user", "who runs this, and who owns the ledger", root_side.user),
    Check("sudo or rootwrap", "helper_command, sudo -l and the filters of nova-rootwrap", root_side.allowed),
    Check("privsep, reading", "a call to the daemon without capabilities", root_side.reading),
    Check("privsep, acting", "a call to the daemon with capabilities", root_side.acting),
    Check("udev rule", "/etc/udev/rules.d and where packages put rules", tenants_data.udev),
    Check("LVM", "lvmconfig", tenants_data.lvm),
    Check("MD in the initramfs", "mdadm.conf, initramfs-tools and dracut", initramfs.arrays),
    Check("ledger", "[nova_accel] ledger_path", ledger.usable),
    Check("cleaning", "[nova_accel] clean_methods and one_time_use", cleaning.methods),
    Check("cleaning record", "[nova_accel] cleaning_record", cleaning.record),
)


def run(read: Callable[[], Facts]) -> tuple[tuple[Check, Result], ...]:
    """Each check with its result.

    :param read: gives the facts; where it cannot, because of nova.conf, that is the result of the check of the options, and all others
        are not possible: each of them needs to know what nova-compute is to do
    """
    try:
        facts = read()
    except AccelError as error:
        why = not_possible("the options cannot be read")
        return tuple((check, options.refused(error) if check.judge is options.valid else why) for check in CHECKS)
    return tuple((check, check.run(facts)) for check in CHECKS)
