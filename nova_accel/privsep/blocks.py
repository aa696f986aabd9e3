"""Block devices: their partitions, their numbers, and whether this host uses them. Names come from sysfs, never from outside."""

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from nova_accel.privsep import sysfs
from nova_accel.privsep.errors import Refused

_BLOCK = Path("/sys/class/block")
_DEV = Path("/dev")


def with_partitions(names: Iterable[str]) -> tuple[str, ...]:
    """The named disks, each followed by its partitions."""
    return tuple(part for name in names for part in (name, *_partitions(name)))


def _partitions(name: str) -> list[str]:
    return [child.name for child in sysfs.children(_BLOCK / name) if (child / "partition").exists()]


def numbers(names: Iterable[str]) -> dict[int, str]:
    """Names by device number; one that is gone meanwhile is left out."""
    found = ((sysfs.device_number(_BLOCK / name), name) for name in names)
    return {number: name for number, name in found if number is not None}


@contextlib.contextmanager
def exclusive(names: Iterable[str], flags: int = os.O_RDONLY) -> Iterator[dict[str, int]]:
    """Open block devices so that nobody else can mount or hold them meanwhile.

    Yields descriptors by name. The kernel refuses while the device or a partition of it is mounted, is swap or has a holder.

    :raises Refused: when one of them is in use
    """
    opened: dict[str, int] = {}
    try:
        for name in names:
            try:
                opened[name] = os.open(_DEV / name, flags | os.O_EXCL | os.O_CLOEXEC)
            except OSError as error:
                raise Refused(in_use(name, error)) from error
        yield opened
    finally:
        for descriptor in opened.values():
            os.close(descriptor)


def in_use(name: str, error: OSError) -> str:
    """One sentence for an exclusive open that did not succeed."""
    if error.errno == errno.EBUSY:
        return f"/dev/{name} is in use by this host"
    return f"/dev/{name} cannot be opened: {error.strerror}"
