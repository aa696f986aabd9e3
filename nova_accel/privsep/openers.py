"""Finds processes that have a device open, which the kernel does not refuse by itself.

Of a block device's only writers count: what is offered was read as zero before, so a reader can learn nothing from it, and udev, LVM
or a monitoring agent read every disk now and then. Of a dax device's everyone counts: nothing else tells that a guest runs on it, and
a mapping outlives the descriptor.
"""

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nova_accel.privsep import processes, remote

_FLAGS = re.compile(rb"^flags:\s*([0-7]+)$", re.MULTILINE | re.ASCII)
_MOUNT = re.compile(rb"^mnt_id:\s*(\d+)$", re.MULTILINE | re.ASCII)
# Both stand at its beginning; what may make it long, as locks, comes after them.
_INFO_BYTES = 1024
_GONE = " (deleted)"
_DAX = re.compile(r"/(dax\d+\.\d+)(?: \(deleted\))?", re.ASCII)
_MAPPED = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \d+ +(/dev/.*|/.*/dax\d+\.\d+(?: \(deleted\))?)$", re.MULTILINE | re.ASCII
)


@dataclass(frozen=True)
class _Held:
    """A character device that a process has open or mapped."""

    path: str
    number: int | None
    """None where the kernel does not show it: then its name counts."""
    how: str


def find_writers(device_numbers: Collection[int]) -> dict[int, str]:
    """A few words about a process that has a block device open for writing, by device number; one look at all processes."""
    found: dict[int, str] = {}
    files = remote.OpenFiles()
    for process in processes.others():
        for number in _written(process, files) & set(device_numbers):
            found.setdefault(number, processes.words(process))
    return found


def find_dax_users(wanted: Mapping[str, int | None]) -> dict[str, str]:
    """A sentence for each dax device that a process has open or mapped; one look at all processes.

    Tools that this process started do not count.

    :param wanted: device numbers by name such as ``dax0.1``; None for a device that the kernel has taken away. A process may have
        one of that name still, and counts
    """
    by_number = {number: name for name, number in wanted.items() if number is not None}
    found: dict[str, str] = {}
    files = remote.OpenFiles()
    for process in processes.others():
        for held in _held(process, files):
            name = _wanted_name(held, wanted, by_number)
            if name is not None and name not in found and not processes.is_ours(process):
                found[name] = _sentence(process, name, held)
    return found


def _wanted_name(held: _Held, wanted: Collection[str], by_number: Mapping[int, str]) -> str | None:
    if held.number is not None and held.number in by_number:
        return by_number[held.number]
    match = _DAX.fullmatch(held.path[held.path.rfind("/") :])
    return match[1] if match and match[1] in wanted else None


def _sentence(process: Path, name: str, held: _Held) -> str:
    former = "the former " if held.path.endswith(_GONE) else ""
    return f"{processes.words(process)} has {former}/dev/{name} {held.how}"


def _held(process: Path, files: remote.OpenFiles) -> Iterator[_Held]:
    yield from _mapped(process)
    for descriptor, path in _opened(process):
        try:
            if _DAX.search(path) or _may_be_asked(process, path, _info(process, descriptor), files):
                state = _state(process, descriptor)
                if stat.S_ISCHR(state.st_mode):
                    yield _Held(path, state.st_rdev, "open")
        except OSError:
            continue


def _may_be_asked(process: Path, path: str, info: bytes, files: remote.OpenFiles) -> bool:
    """Whether an open file may be a device, and asking for its state does not hang, as on a dead network file system.

    A container has its devices wherever its image wants them: as /mnt/raw.
    """
    if path.startswith("/dev/"):
        return True
    mount = _MOUNT.search(info)
    return mount is not None and files.is_local(process, int(mount[1]))


def _opened(process: Path) -> Iterator[tuple[str, str]]:
    """Descriptor and path of each file that a process has open; a pipe or a socket has none.

    On strings, as what follows: a host has tens of thousands of open files, and for each a Path costs more than the kernel's answer.
    """
    folder = f"{process}/fd"
    try:
        descriptors = os.listdir(folder)  # noqa: PTH208 - see above
    except OSError:  # it ended meanwhile, or is a kernel thread
        return
    for descriptor in descriptors:
        try:
            path = os.readlink(f"{folder}/{descriptor}")  # noqa: PTH115 - see above
        except OSError:  # it was closed meanwhile
            continue
        if path.startswith("/"):
            yield descriptor, path


def _info(process: Path, descriptor: str) -> bytes:
    opened = os.open(f"{process}/fdinfo/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(opened, _INFO_BYTES)
    finally:
        os.close(opened)


def _state(process: Path, descriptor: str) -> os.stat_result:
    return os.stat(f"{process}/fd/{descriptor}")  # noqa: PTH116 - as above


def _mapped(process: Path) -> Iterator[_Held]:
    try:
        text = (process / "maps").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it ended meanwhile
        return
    for begin, end, path in _MAPPED.findall(text):
        try:
            state = (process / "map_files" / f"{int(begin, 16):x}-{int(end, 16):x}").stat()
        except OSError:
            yield _Held(path, None, "mapped")
            continue
        if stat.S_ISCHR(state.st_mode):
            yield _Held(path, state.st_rdev, "mapped")


def _written(process: Path, files: remote.OpenFiles) -> set[int]:
    """Numbers of the block devices that a process has open for writing."""
    numbers = (_written_by(process, descriptor, path, files) for descriptor, path in _opened(process))
    return {number for number in numbers if number is not None}


def _written_by(process: Path, descriptor: str, path: str, files: remote.OpenFiles) -> int | None:
    """The number of what is open there, if it is a block device and open for writing."""
    try:
        info = _info(process, descriptor)
        if not _for_writing(info) or not _may_be_asked(process, path, info, files):
            return None
        state = _state(process, descriptor)
    except OSError:  # it was closed meanwhile
        return None
    return state.st_rdev if stat.S_ISBLK(state.st_mode) else None


def _for_writing(info: bytes) -> bool:
    match = _FLAGS.search(info)
    return match is None or bool(int(match[1], 8) & os.O_ACCMODE)
