"""What sysfs says about one NVMe controller while the kernel's nvme driver runs it."""

import re
from dataclasses import dataclass
from pathlib import Path

from nova_accel.facts import pci
from nova_accel.facts.roots import Roots
from nova_accel.model import PciAddress

# What the kernel prints in the place of a serial number that it has not read: a controller takes its time after each binding.
_NOT_YET = ("(efault)", "(null)")
_NAMESPACE = re.compile(r"nvme(\d+)(?:c\d+)?n(\d+)", re.ASCII)


@dataclass(frozen=True)
class NvmeFacts:
    """One controller; nothing of it can be seen while it is bound to vfio-pci."""

    serial: str | None
    namespaces: tuple[str, ...]
    """Block device names; with native multipath the name of the head that the paths have in common."""
    model: str | None = None


def read(roots: Roots, address: PciAddress) -> NvmeFacts | None:
    """Read the facts of the controller at ``address``; None when the nvme driver does not run it, or has not identified it yet."""
    folder = pci.device_folder(roots, address) / "nvme"
    try:
        controllers = sorted(folder.iterdir())
    except OSError:
        return None
    if len(controllers) != 1:
        return None
    serial = roots.read(controllers[0] / "serial") or None
    if serial in _NOT_YET:
        return None
    return NvmeFacts(
        serial=serial,
        namespaces=_namespaces(controllers[0]),
        model=roots.read(controllers[0] / "model") or None,
    )


def namespace_ids(roots: Roots, address: PciAddress) -> dict[str, int]:
    """The numbers (NSID) of the controller's namespaces, by block device name as above; a name has another number of its own."""
    found = {}
    for folder in sorted((pci.device_folder(roots, address) / "nvme").glob("nvme*/nvme*")):
        match = _NAMESPACE.fullmatch(folder.name)
        number = roots.read(folder / "nsid") or ""
        if match and number.isascii() and number.isdecimal():
            found[f"nvme{match[1]}n{match[2]}"] = int(number)
    return found


def _namespaces(controller: Path) -> tuple[str, ...]:
    try:
        children = [child.name for child in controller.iterdir()]
    except OSError:
        return ()
    matches = (_NAMESPACE.fullmatch(name) for name in children)
    return tuple(sorted({f"nvme{match[1]}n{match[2]}" for match in matches if match}))
