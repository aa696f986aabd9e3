"""What makes an NVMe controller fit, or not, to be handed to a guest."""

from nova_accel.eligibility.evidence import SsdEvidence
from nova_accel.eligibility.verdict import Reason, Verdict

_VFIO = "vfio-pci"
_NVME = "nvme"
_LARGEST_DOMAIN = 0xFFFF  # libvirt takes no more; Intel VMD puts what is behind it at 0x10000 and up


def _not_free(evidence: SsdEvidence) -> Verdict | None:
    kernel_driver = evidence.pci.kernel_driver
    if kernel_driver == _VFIO and evidence.ours_on_vfio:
        return None
    if kernel_driver != _NVME:
        return Verdict(
            Reason.FOREIGN_DRIVER,
            f"it is bound to {_whose(kernel_driver)}; if nothing needs that, empty "
            f"/sys/bus/pci/devices/{evidence.pci.address}/driver_override and bind it to the nvme driver to offer it",
        )
    if not evidence.namespaces:
        return Verdict(
            Reason.NO_NAMESPACE,
            "it has no namespace, so there is nothing to offer; make one with nvme create-ns and nvme attach-ns",
        )
    return None


def _whose(kernel_driver: str | None) -> str:
    if kernel_driver == _VFIO:
        return "vfio-pci, and the ledger knows nothing of it: not by nova_accel, or, where a ledger was lost, with what a server left"
    return f"{kernel_driver or 'no driver'}, and not by nova_accel"


def _not_identified(evidence: SsdEvidence) -> Verdict | None:
    if not evidence.serial:
        return Verdict(
            Reason.NO_SERIAL,
            "it shows no serial number, so it could not be told from another SSD; ask its vendor for firmware",
        )
    if evidence.same_serial:
        others = ", ".join(evidence.same_serial)
        return Verdict(
            Reason.DUPLICATE_SERIAL,
            f"its serial number {evidence.serial} is also that of {others}, so none of them is offered; ask the vendor for firmware",
        )
    return None


def _not_isolated(evidence: SsdEvidence) -> Verdict | None:
    if evidence.pci.address.domain > _LARGEST_DOMAIN:
        return Verdict(
            Reason.BEHIND_VMD,
            f"it is behind VMD, in PCI domain {evidence.pci.address.domain:x}, where libvirt gives nothing to guests; "
            "switch Intel VMD off for its slot in the firmware to offer it",
        )
    if evidence.pci.iommu_group is None:
        return Verdict(
            Reason.NO_IOMMU,
            "it has no IOMMU group; switch the IOMMU on in the firmware (VT-d, AMD-Vi) and, for Intel's, with intel_iommu=on "
            "on the kernel command line, then reboot",
        )
    if evidence.pci.group_others:
        return Verdict(
            Reason.SHARED_IOMMU_GROUP,
            f"it shares IOMMU group {evidence.pci.iommu_group} with {', '.join(evidence.pci.group_others)}, "
            "which a guest could then reach; put it into a slot that has a group of its own",
        )
    return None


def _not_whole(evidence: SsdEvidence) -> Verdict | None:
    if evidence.pci.vfs:
        return Verdict(
            Reason.HAS_VFS,
            f"it has {evidence.pci.vfs} virtual functions, which share its data; "
            f"write 0 to /sys/bus/pci/devices/{evidence.pci.address}/sriov_numvfs to offer it",
        )
    if not evidence.pci.can_reset:
        return Verdict(
            Reason.NO_RESET,
            "the kernel has no way to reset it alone, so one guest could leave it in a state for the next; if somebody emptied "
            f"/sys/bus/pci/devices/{evidence.pci.address}/reset_method, write default to it, else it cannot be offered",
        )
    return None


CHECKS = (_not_free, _not_identified, _not_isolated, _not_whole)
