"""Finds what uses block devices inside the kernel, where neither an exclusive open nor a process tells of it: loop devices and exports.

An NVMe target and LIO's fileio open a disk as they open a file, so that other hosts may write to it meanwhile.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from nova_accel.privsep import loops, remote, sysfs

# Where it is not mounted, nothing is exported.
_CONFIGFS = Path("/sys/kernel/config")
_NUMBERS = Path("/sys/dev")
_FILE = re.compile(r"TCM FILEIO ID: \d+ +File: (.*)  Size: \d+  Mode: ", re.ASCII)


def find(names: Mapping[int, str]) -> dict[int, str]:
    """A sentence for each of these block devices that the kernel uses so, by device number.

    :param names: their names by device number
    """
    over = loops.find(names)
    found = {number: f"/dev/{loop} is a loop device over /dev/{names[number]}" for number, loop in over.items()}
    for words, path in _exported():
        for number in _numbers_at(path, names):
            found.setdefault(number, f"{words} exports /dev/{names[number]}")
    return found


def _exported() -> Iterator[tuple[str, str]]:
    """Words for each export that is configured, enabled or not, and what it says that its path is.

    One that is not enabled counts: it is meant to be, and nothing would stop it.
    """
    for subsystem in sysfs.children(_CONFIGFS / "nvmet/subsystems"):
        for source in (*sysfs.children(subsystem / "namespaces"), subsystem / "passthru"):
            yield f"the NVMe target {subsystem.name}", sysfs.attribute(source / "device_path") or ""
    for adapter in sysfs.children(_CONFIGFS / "target/core"):
        for store in sysfs.children(adapter):
            for path in _paths(store):
                yield f"the LIO backstore {adapter.name}/{store.name}", path


def _paths(store: Path) -> Iterator[str]:
    """What LIO says of a backstore: targetcli writes a path down for it, the kernel itself tells only of fileio."""
    yield sysfs.attribute(store / "udev_path") or ""
    yield from _FILE.findall(sysfs.attribute(store / "info") or "")


def _numbers_at(path: str, names: Mapping[int, str]) -> list[int]:
    """Which of these block devices an export is of: the one at its path, or all of the NVMe controller that is passed through."""
    # What was never set is "(null)" or empty. As for a loop device's file, a look at the name first.
    if not path.startswith("/") or remote.is_path(path):
        return []
    controller = _controller_at(path)
    if controller is not None:
        return [number for number in names if _is_of(controller, number)]
    number = loops.number_at(path)
    return [number] if number is not None and number in names else []


def _controller_at(path: str) -> str | None:
    """The kernel's name of the character device at a path, as an NVMe controller has one."""
    try:
        state = Path(path).stat()
    except OSError:
        return None
    return _folder("char", state.st_rdev).name if stat.S_ISCHR(state.st_mode) else None


def _is_of(controller: str, number: int) -> bool:
    """Whether a block device is a namespace of a controller; with native multipath both lie in their subsystem's folder."""
    parent = _folder("block", number).parent
    return parent.name == controller or (parent / controller).exists()


def _folder(kind: str, number: int) -> Path:
    return (_NUMBERS / kind / f"{os.major(number)}:{os.minor(number)}").resolve()
