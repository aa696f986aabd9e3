"""Finds block devices that are mounted in any mount namespace that a process lives in.

One that only a file or a descriptor keeps alive is not seen here; an exclusive open notices its mounts too, but cannot say where.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nova_accel.privsep import blocks, processes

_ESCAPED = re.compile(r"\\([0-7]{3})", re.ASCII)
_OWN = Path("/proc/self")


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo."""

    number: int
    source: str
    mount_point: str
    identifier: int
    kind: str
    """Type of the file system, such as ``ext4``."""


def parse(text: str) -> list[Mount]:
    """Read a process' mountinfo; a line that is none is left out, because the exclusive open decides."""
    return [mount for line in text.split("\n") if (mount := _parse_line(line)) is not None]


def _parse_line(line: str) -> Mount | None:
    head, separator, tail = line.partition(" - ")
    fields, ending = head.split(" "), tail.split(" ")
    major, _, minor = fields[2].partition(":") if len(fields) > 5 else ("", "", "")
    if not separator or len(ending) < 2 or not (major.isdecimal() and minor.isdecimal() and fields[0].isdecimal()):
        return None
    number = os.makedev(int(major), int(minor))
    return Mount(number, _plain(ending[1]), _plain(fields[4]), int(fields[0]), ending[0])


def _plain(field: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), field)


def find(names: Iterable[str], *, elsewhere_only: bool) -> dict[str, str]:
    """Where the named block devices are mounted: ``/mnt in the mount namespace of sh (process 123)``, ``/mnt`` for our own.

    :param elsewhere_only: leave out this process' own mount namespace, which anyone can read
    """
    names = tuple(names)
    by_number = blocks.numbers(names)
    found: dict[str, str] = {}
    for where, mounts in _spaces(elsewhere_only):
        for mount in mounts:
            name = _whose(mount, names, by_number)
            if name is not None:
                found.setdefault(name, mount.mount_point + where)
    return found


def _whose(mount: Mount, names: tuple[str, ...], by_number: Mapping[int, str]) -> str | None:
    # btrfs shows a number of its own, so what was given to mount counts as well.
    if mount.number in by_number:
        return by_number[mount.number]
    if not mount.source.startswith("/dev/"):
        return None
    name = mount.source.removeprefix("/dev/")
    if name in names:
        return name
    try:
        return by_number.get(Path(mount.source).stat().st_rdev)
    except (OSError, ValueError):
        return None


def _spaces(elsewhere_only: bool) -> Iterator[tuple[str, list[Mount]]]:
    """Words and mounts of each mount namespace; a process in a changed root sees only part of its own, so each root counts."""
    mine = space(_OWN)
    if not elsewhere_only:
        yield "", of(_OWN)
    seen: set[tuple[str, str]] = set()
    for process in processes.others():
        other = space(process)
        if other is None or other in seen or (mine is not None and other[0] == mine[0]):
            continue
        mounts = of(process)
        if mounts:  # else it ended meanwhile, and another process speaks for its namespace
            seen.add(other)
            yield f" in the mount namespace of {processes.words(process)}", mounts


def space(process: Path) -> tuple[str, str] | None:
    """What tells one mount namespace, seen from one root, from another; None when the process has ended."""
    try:
        return str((process / "ns/mnt").readlink()), str((process / "root").readlink())
    except OSError:  # it ended meanwhile
        return None


def own() -> list[Mount]:
    """The mounts that this process sees."""
    return of(_OWN)


def of(process: Path) -> list[Mount]:
    """The mounts that a process sees."""
    try:
        return parse((process / "mountinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []
