"""What sysfs says about one PCI function."""

from dataclasses import dataclass
from pathlib import Path

from nova_accel.facts import presence
from nova_accel.facts.roots import Roots
from nova_accel.model import PciAddress

_BRIDGE_CLASS = "0x0604"


@dataclass(frozen=True)
class PciFacts:
    """One PCI function as the kernel sees it now."""

    address: PciAddress
    incarnation: str
    kernel_driver: str | None
    iommu_group: str | None
    group_others: tuple[str, ...]
    """Addresses of the other functions of the group, bridges left out: they carry no data of their own."""
    numa_node: int | None


def read(roots: Roots, address: PciAddress) -> PciFacts | None:
    """Read the facts of the function at ``address``; None when nothing is there any more."""
    folder = device_folder(roots, address)
    incarnation = presence.incarnation(roots, folder)
    if incarnation is None:
        return None
    group = _link_name(folder / "iommu_group")
    return PciFacts(
        address=address,
        incarnation=incarnation,
        kernel_driver=_link_name(folder / "driver"),
        iommu_group=group,
        group_others=_group_others(roots, group, address) if group else (),
        numa_node=_numa_node(roots.read(folder / "numa_node")),
    )


def device_folder(roots: Roots, address: PciAddress) -> Path:
    """The function's folder in sysfs."""
    return roots.sys / "bus/pci/devices" / str(address)


def _link_name(link: Path) -> str | None:
    try:
        return link.readlink().name
    except OSError:
        return None


def _group_others(roots: Roots, group: str, address: PciAddress) -> tuple[str, ...]:
    try:
        members = sorted(member.name for member in (roots.sys / "kernel/iommu_groups" / group / "devices").iterdir())
    except OSError:
        return ()
    return tuple(name for name in members if name != str(address) and not _is_bridge(roots, name))


def _is_bridge(roots: Roots, name: str) -> bool:
    class_id = roots.read(roots.sys / "bus/pci/devices" / name / "class")
    return bool(class_id and class_id.startswith(_BRIDGE_CLASS))


def _numa_node(text: str | None) -> int | None:
    if text is None or not text.isdecimal():  # "-1": the firmware does not say
        return None
    return int(text)
