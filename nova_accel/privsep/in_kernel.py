"""Finds what uses block devices inside the kernel, where neither an exclusive open nor a process tells of it: loop devices and exports.

An NVMe target and LIO's fileio open a disk as they open a file, so that other hosts may write to it meanwhile.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from nova_accel.privsep import loops, remote, sysfs

# Where it is not mounted, nothing is exported.
_CONFIGFS = Path("/sys/kernel/config")


def find(names: Mapping[int, str]) -> dict[int, str]:
    """A sentence for each of these block devices that the kernel uses so, by device number.

    :param names: their names by device number
    """
    over = loops.find(names)
    found = {number: f"/dev/{loop} is a loop device over /dev/{names[number]}" for number, loop in over.items()}
    for words, path in _exported():
        number = _number_at(path)
        if number is not None and number in names:
            found.setdefault(number, f"{words} exports /dev/{names[number]}")
    return found


def _exported() -> Iterator[tuple[str, str]]:
    """Words for each export that is configured, enabled or not, and what it says that its path is.

    One that is not enabled counts: it is meant to be, and nothing would stop it.
    """
    for subsystem in sysfs.children(_CONFIGFS / "nvmet/subsystems"):
        for namespace in sysfs.children(subsystem / "namespaces"):
            yield f"the NVMe target {subsystem.name}", sysfs.attribute(namespace / "device_path") or ""
    for adapter in sysfs.children(_CONFIGFS / "target/core"):
        for store in sysfs.children(adapter):
            yield f"the LIO backstore {adapter.name}/{store.name}", sysfs.attribute(store / "udev_path") or ""


def _number_at(path: str) -> int | None:
    # What was never set is "(null)" or empty. As for a loop device's file, a look at the name first.
    if not path.startswith("/") or remote.is_path(path):
        return None
    return loops.number_at(path)
