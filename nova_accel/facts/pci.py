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
    can_reset: bool = True
    """Whether the kernel can reset this function alone, as vfio does between two guests."""
    vfs: int = 0
    """How many virtual functions it has now."""


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
        numa_node=numa_node(roots.read(folder / "numa_node")),
        can_reset=_can_reset(roots, folder),
        vfs=_number(roots.read(folder / "sriov_numvfs")),
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


def _can_reset(roots: Roots, folder: Path) -> bool:
    # Kernels before 5.15 say it only by the presence of the file "reset".
    methods = roots.read(folder / "reset_method")
    return bool(methods) if methods is not None else (folder / "reset").exists()


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0


def numa_node(text: str | None) -> int | None:
    """The node in a file ``numa_node``; None where the firmware does not say, which reads as -1."""
    if text is None or not text.isdecimal():
        return None
    return int(text)
