"""Finds processes that have a block device open for writing, which an exclusive open does not notice.

Only writers count: what is offered was read as zero before, so a reader can learn nothing from it, and udev, LVM or a monitoring
agent read every disk now and then.
"""

import os
import re
import stat
from collections.abc import Collection
from pathlib import Path

_PROC = Path("/proc")
_FLAGS = re.compile(r"^flags:\s*([0-7]+)$", re.MULTILINE | re.ASCII)


def find_writers(device_numbers: Collection[int]) -> dict[int, str]:
    """A few words about a process that has a device open for writing, by device number; one look at all processes."""
    found: dict[int, str] = {}
    for process in _PROC.iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            for number in _written(process) & set(device_numbers):
                found[number] = f"{_name(process)} (process {process.name})"
    return found


def device_numbers(block_devices: Collection[str]) -> frozenset[int]:
    """The numbers of the named block devices and their partitions."""
    numbers = set()
    for name in block_devices:
        folder = Path("/sys/class/block", name)
        for file in (folder / "dev", *folder.glob("*/dev")):
            try:
                major, _, minor = file.read_text().strip().partition(":")
                numbers.add(os.makedev(int(major), int(minor)))
            except (OSError, ValueError):  # gone meanwhile
                continue
    return frozenset(numbers)


def _written(process: Path) -> set[int]:
    """Numbers of the block devices that a process has open for writing."""
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:  # it ended meanwhile, or is a kernel thread
        return set()
    numbers = ((_block_device(one), one.name) for one in descriptors)
    return {number for number, name in numbers if number is not None and _for_writing(process, name)}


def _block_device(descriptor: Path) -> int | None:
    try:
        # A look at the name first: asking for the state of a file on a dead network file system would hang.
        if not str(descriptor.readlink()).startswith("/dev/"):
            return None
        state = descriptor.stat()
    except OSError:
        return None
    return state.st_rdev if stat.S_ISBLK(state.st_mode) else None


def _for_writing(process: Path, descriptor: str) -> bool:
    try:
        match = _FLAGS.search((process / "fdinfo" / descriptor).read_text())
    except OSError:
        return False
    return match is None or bool(int(match[1], 8) & os.O_ACCMODE)


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return "a process"
