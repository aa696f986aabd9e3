"""What sysfs says about one PMEM namespace, from the name in its label to the dax device that a guest gets.

A namespace in devdax mode is claimed by an nd device (its ``holder``, ``dax0.1``), which the driver dax_pmem runs; below that lies the
dax device, with the character device's number. The dax device bears the *namespace's* number (``namespace0.1`` -> ``dax0.1``), the
holder one of its own. A disabled namespace has no holder and says it is raw.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from nova_accel.privsep import sysfs
from nova_accel.privsep.errors import Refused

_NAMESPACE = re.compile(r"namespace(\d{1,6}\.\d{1,6})", re.ASCII)
_DAX = re.compile(r"dax\d{1,6}\.\d{1,6}", re.ASCII)
_MODES = {"memory": "fsdax", "safe": "sector"}
_NO_UUID = re.compile(r"[0-]*", re.ASCII)


@dataclass(frozen=True)
class DaxDevice:
    """The character device of a namespace in devdax mode; equal as long as it is the very same."""

    namespace: str
    uuid: str
    name: str
    number: int
    size_bytes: int
    align_bytes: int
    incarnation: int
    """Number of its folder in sysfs, which the kernel does not use again before the next boot."""


def find(sys: Path, dev: str, uuid: str) -> DaxDevice:
    """The dax device of namespace ``dev``, if it is the one whose label has ``uuid``, in devdax mode and enabled.

    :param sys: where sysfs is
    :raises Refused: when it is not
    """
    folder = _folder_of(sys, dev)
    found = sysfs.attribute(folder / "uuid")
    if found is None or _NO_UUID.fullmatch(found) or found.lower() != str(uuid).lower():
        raise Refused(f"{dev} is the namespace with uuid {found or 'unknown'}, not {uuid}")
    mode = sysfs.attribute(folder / "mode")
    if mode != "dax":
        raise Refused(f"{dev} is disabled or in mode {_MODES.get(mode or '', mode)}, not devdax")
    return _described(_dax_device(sys, dev, folder), dev, found)


def _folder_of(sys: Path, dev: str) -> Path:
    """The sysfs folder of a namespace.

    :raises Refused: when the name is malformed or nothing is there
    """
    _digits(dev)
    folder = _nd_devices(sys) / dev
    if not folder.is_dir():
        raise Refused(f"there is no {dev}")
    return folder


def _digits(dev: str) -> str:
    """``0.1`` of ``namespace0.1``; whatever else comes from outside is refused."""
    match = _NAMESPACE.fullmatch(str(dev))
    if match is None:
        raise Refused(f"{str(dev)[:40]!r} is not a namespace such as namespace0.1")
    return match[1]


def _nd_devices(sys: Path) -> Path:
    return sys / "bus/nd/devices"


def _holder(sys: Path, dev: str) -> Path | None:
    """The folder of the nd device that claims the namespace, of whatever kind."""
    name = sysfs.attribute(_nd_devices(sys) / dev / "holder") or ""
    if re.fullmatch(r"(?:dax|pfn|btt)\d{1,6}\.\d{1,6}", name, re.ASCII) is None:
        return None
    folder = _nd_devices(sys) / name
    return folder if sysfs.attribute(folder / "namespace") == dev else None


def _dax_device(sys: Path, dev: str, folder: Path) -> Path:
    holder = _holder(sys, dev)
    devices = _dax_folders(holder)
    if len(devices) != 1:
        raise Refused(f"{dev} has {len(devices)} dax devices: it is disabled")
    driver = sysfs.kernel_driver(devices[0])
    if driver == "kmem":
        raise Refused(f"{devices[0].name} of {dev} is memory of this host (system-ram), not devdax")
    if driver != "device_dax":
        raise Refused(f"{devices[0].name} of {dev} is bound to {driver}, not device_dax: it is disabled")
    return devices[0]


def _dax_folders(holder: Path | None) -> list[Path]:
    """The folders of the dax devices below an nd device."""
    if holder is None:
        return []
    return [child for child in sysfs.children(holder) if _DAX.fullmatch(child.name) and (child / "dev").exists()]


def _described(device: Path, dev: str, uuid: str) -> DaxDevice:
    number, size_bytes = sysfs.device_number(device), sysfs.number(device / "size")
    align_bytes, incarnation = sysfs.number(device / "align"), _incarnation(device)
    if number is None or not size_bytes or not align_bytes or incarnation is None:
        raise Refused(f"{device.name} of {dev} has no size")
    return DaxDevice(dev, uuid, device.name, number, size_bytes, align_bytes, incarnation)


def _incarnation(device: Path) -> int | None:
    try:
        return device.stat().st_ino
    except OSError:
        return None


def dax_numbers(sys: Path, dev: str) -> dict[str, int | None]:
    """Numbers by name of the dax devices that the namespace has; without a number the one it would have if it were enabled.

    :raises Refused: when the name is malformed
    """
    would_have: dict[str, int | None] = {f"dax{_digits(dev)}": None}
    return would_have | {folder.name: sysfs.device_number(folder) for folder in _dax_folders(_holder(sys, dev))}


def block_names(sys: Path, dev: str) -> tuple[str, ...]:
    """Names of the block devices that the namespace has in another mode, such as ``pmem0.4``.

    :raises Refused: when the name is malformed
    """
    _digits(dev)
    folders = [_nd_devices(sys) / dev, _holder(sys, dev)]
    return tuple(child.name for folder in folders if folder for child in sysfs.children(folder / "block"))
