"""Finds loop devices over a block device. The kernel lets them share a disk: neither an exclusive open nor a process tells of them.

Kubelet's raw block volumes have one each.
"""

import fcntl
import os
import stat
import struct
from collections.abc import Collection, Iterator
from pathlib import Path

from nova_accel.privsep import remote, sysfs

_BLOCK = Path("/sys/block")
_DEV = Path("/dev")
_LOOP_GET_STATUS64 = 0x4C05
_STATUS_BYTES = 232
# Number of the file's file system, of the file, of the device where the file is one.
_NUMBERS = struct.Struct("QQQ")


def find(device_numbers: Collection[int]) -> dict[int, str]:
    """Name of a loop device over each of these block devices that has one, by the device's number."""
    found: dict[int, str] = {}
    for name, number in _backed():
        if number is not None and number in device_numbers:
            found.setdefault(number, name)
    return found


def _backed() -> Iterator[tuple[str, int | None]]:
    """Each loop device that is set up, and the number of the block device below it, if it is one."""
    for folder in sysfs.children(_BLOCK):
        path = sysfs.attribute(folder / "loop/backing_file")
        # A look at the name first: on a dead network file system the kernel would not come back from asking.
        if path is not None and not remote.is_path(path):
            yield folder.name, _number_below(folder.name, path)


def _number_below(name: str, path: str) -> int | None:
    """As the kernel says it: the path may be of another mount namespace. It counts where this one's /dev lacks the loop device."""
    try:
        descriptor = os.open(_DEV / name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return number_at(path)
    try:
        number: int = _NUMBERS.unpack_from(fcntl.ioctl(descriptor, _LOOP_GET_STATUS64, bytes(_STATUS_BYTES)))[2]
    except OSError:  # it was taken down meanwhile
        return None
    finally:
        os.close(descriptor)
    return number or None


def number_at(path: str) -> int | None:
    """The number of the block device at a path; None when there is none. On a dead network file system it does not come back."""
    try:
        state = Path(path).stat()
    except OSError:
        return None
    return state.st_rdev if stat.S_ISBLK(state.st_mode) else None
