"""The one function that gives verdicts on PCI handles."""

from dataclasses import dataclass, field

from nova_accel.eligibility.verdict import Reason, Verdict
from nova_accel.facts.pci import PciFacts
from nova_accel.facts.usage import Usage

_VFIO = "vfio-pci"
_NVME = "nvme"
_LARGEST_DOMAIN = 0xFFFF  # libvirt takes no more; Intel VMD puts what is behind it at 0x10000 and up


@dataclass(frozen=True)
class Evidence:
    """Everything that a verdict on one NVMe controller depends on, read before."""

    pci: PciFacts
    driver: str | None
    """Which of our drivers wants it; None when the configuration gives it to none."""
    serial: str | None
    same_serial: tuple[str, ...] = ()
    """Addresses of other controllers that carry the same serial."""
    namespaces: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    held_by: str = ""
    """What root's exclusive open found; empty while it was not tried or nobody holds the device."""
    ours_on_vfio: bool = False
    """Whether the ledger says that we bound this very device to vfio-pci."""


def judge(evidence: Evidence) -> Verdict:
    """Give the verdict. The host's own use comes first: it is what an operator has to know."""
    checks = (_not_configured, _used_by_host, _not_free, _not_identified, _not_isolated)
    for check in checks:
        verdict = check(evidence)
        if verdict is not None:
            return verdict
    return Verdict(Reason.ELIGIBLE, "may be given to a guest")


def _not_configured(evidence: Evidence) -> Verdict | None:
    if evidence.driver is not None:
        return None
    return Verdict(
        Reason.NOT_CONFIGURED, "no enabled driver takes it; enable one, or let nvme_ssd_filter choose it, to offer it"
    )


def _used_by_host(evidence: Evidence) -> Verdict | None:
    usage = evidence.usage
    if usage.mount_points:
        return Verdict(
            Reason.MOUNTED, f"the host has it mounted at {_listed(usage.mount_points)}; unmount it to offer it"
        )
    if usage.swaps:
        return Verdict(
            Reason.SWAP, f"the host swaps to {_listed(usage.swaps)}; swapoff and take it out of fstab to offer it"
        )
    if usage.holders:
        return Verdict(
            Reason.HELD, f"it is part of {_listed(usage.holders)} on the host; take it out of there to offer it"
        )
    if evidence.held_by:
        return Verdict(Reason.IN_USE, f"{evidence.held_by}; see lsblk, fuser and the mounts of containers")
    return None


def _not_free(evidence: Evidence) -> Verdict | None:
    kernel_driver = evidence.pci.kernel_driver
    if kernel_driver == _VFIO and evidence.ours_on_vfio:
        return None
    if kernel_driver != _NVME:
        return Verdict(
            Reason.FOREIGN_DRIVER,
            f"it is bound to {kernel_driver or 'no driver'}, and not by nova_accel; bind it to nvme to offer it",
        )
    if not evidence.namespaces:
        return Verdict(
            Reason.NO_NAMESPACE, "it has no namespace, so there is nothing to offer; create one with nvme create-ns"
        )
    return None


def _not_identified(evidence: Evidence) -> Verdict | None:
    if not evidence.serial:
        return Verdict(Reason.NO_SERIAL, "it shows no serial number, so it could not be told from another SSD")
    if evidence.same_serial:
        return Verdict(
            Reason.DUPLICATE_SERIAL,
            f"its serial number {evidence.serial} is also that of {_listed(evidence.same_serial)}, so neither is offered",
        )
    return None


def _not_isolated(evidence: Evidence) -> Verdict | None:
    if evidence.pci.address.domain > _LARGEST_DOMAIN:
        return Verdict(
            Reason.BEHIND_VMD,
            f"its PCI domain {evidence.pci.address.domain:x} is not a guest's to have; switch Intel VMD off for it in the firmware",
        )
    if evidence.pci.iommu_group is None:
        return Verdict(
            Reason.NO_IOMMU, "it has no IOMMU group; switch the IOMMU on in the firmware and the kernel command line"
        )
    if evidence.pci.group_others:
        return Verdict(
            Reason.SHARED_IOMMU_GROUP,
            f"it shares IOMMU group {evidence.pci.iommu_group} with {_listed(evidence.pci.group_others)}, "
            "which a guest could then reach; use a slot of its own",
        )
    return None


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words)
