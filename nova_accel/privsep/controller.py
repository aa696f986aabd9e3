"""What root's side sees of an NVMe controller. Addresses and serials from outside are only compared, never used as paths unchecked."""

import re
from pathlib import Path

from nova_accel.model import PciAddress
from nova_accel.privsep import blocks, in_kernel, openers, sysfs
from nova_accel.privsep.errors import Refused

NVME_CLASS = "0x010802"

_PCI_DEVICES = Path("/sys/bus/pci/devices")
_SUBSYSTEMS = Path("/sys/class/nvme-subsystem")
_CONTROLLER = re.compile(r"nvme\d+", re.ASCII)
_NAMESPACE = re.compile(r"nvme(\d+)(?:c\d+)?n(\d+)", re.ASCII)


def device(address: str) -> Path:
    """The sysfs folder of an NVMe controller.

    :raises Refused: when the address is malformed, nothing is there or it is no NVMe controller
    """
    try:
        folder = _PCI_DEVICES / str(PciAddress.parse(address))
    except (TypeError, ValueError) as error:
        raise Refused(str(error)) from error
    class_id = sysfs.attribute(folder / "class")
    if class_id is None:
        raise Refused(f"there is no PCI device {folder.name}")
    if class_id != NVME_CLASS:
        raise Refused(f"{folder.name} is of class {class_id}, not an NVMe controller")
    return folder


def controller(folder: Path) -> Path:
    """The controller's own folder, such as ``…/nvme/nvme0``.

    :raises Refused: when the kernel's nvme driver does not run it
    """
    controllers = sorted((folder / "nvme").glob("nvme*")) if (folder / "nvme").is_dir() else []
    if len(controllers) != 1:
        raise Refused(f"{folder.name} is not run by the kernel's nvme driver")
    return controllers[0]


def identified(address: str, serial: str) -> Path:
    """The folder of the controller at ``address`` if it is the one with ``serial``.

    :raises Refused: when another one, or none that can be read, is there
    """
    folder = device(address)
    found = sysfs.attribute(controller(folder) / "serial")
    if not found or found != serial:
        raise Refused(f"{folder.name} holds the SSD with serial {found or 'unknown'}, not {serial}")
    return folder


def namespaces(folder: Path) -> tuple[str, ...]:
    """Names of the block devices of the controller; with native multipath, of the paths' common head."""
    return _namespaces_in(controller(folder))


def numbers(folder: Path) -> dict[str, int]:
    """Device numbers by name of :func:`namespaces`, each as sysfs says it below this controller; left out where it does not.

    With native multipath they are below its NVM subsystem.
    """
    mine = controller(folder)
    places = [*filter(None, [_subsystem(mine.name)]), mine]
    found = ((name, sysfs.device_number(place / name)) for place in places for name in _namespaces_in(mine))
    return {name: number for name, number in found if number is not None}


def _subsystem(name: str) -> Path | None:
    """The folder of the NVM subsystem that a controller belongs to, if the kernel says so."""
    return next((one for one in sysfs.children(_SUBSYSTEMS) if (one / name).exists()), None)


def _namespaces_in(folder: Path) -> tuple[str, ...]:
    matches = (_NAMESPACE.fullmatch(child.name) for child in sysfs.children(folder))
    return tuple(sorted({f"nvme{match[1]}n{match[2]}" for match in matches if match}))


def refuse_if_not_alone(folder: Path, names: tuple[str, ...]) -> None:
    """Refuse unless the controller is the only one in its NVM subsystem and these are all namespaces of that.

    :raises Refused: when there is another, or the kernel does not say
    """
    mine = controller(folder).name
    subsystem = _subsystem(mine)
    if subsystem is None:
        raise Refused(f"the kernel does not say which NVM subsystem {mine} belongs to")
    others = [child.name for child in sysfs.children(subsystem) if _CONTROLLER.fullmatch(child.name)]
    others = [name for name in others if name != mine]
    others += sorted({*_namespaces_in(subsystem), *namespaces(folder)} - set(names))
    if others:
        raise Refused(f"{mine} shares its NVM subsystem with {', '.join(others)}")


def refuse_if_used(names: tuple[str, ...]) -> None:
    """Refuse while somebody uses one of the block devices in a way that an exclusive open does not notice.

    :raises Refused: with the name of the process that writes, of the loop device or of the export
    """
    numbers = blocks.numbers(blocks.with_partitions(names))
    for writer in openers.find_writers(numbers).values():
        raise Refused(f"{writer} has {' or '.join(names)} open for writing")
    for sentence in in_kernel.find(numbers).values():
        raise Refused(sentence)
