"""What a run leaves on the machine: it must be nothing but its own folder."""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import pathlib

from lab import folders

# Where services and tools like to leave something. Their entries are listed, one level deep.
WATCHED = (
    "/",
    "/tmp",
    "/var/tmp",
    "/run",
    "/run/lock",
    "/run/libvirt",
    "/dev/shm",
    "/var/lib",
    "/var/log",
    "/var/cache",
    "/etc",
    "/etc/nova",
    "/etc/libvirt",
    "/root",
    "/home",
    "/srv",
    "/usr",
    "/usr/local/bin",
    "/boot",
    "/lib/modules",
    "/var/lib/nova",
    "/var/lib/libvirt",
    "/var/lib/rabbitmq",
    "/var/log/libvirt",
    "/var/log/rabbitmq",
)
# Other people's work on the same machine: shell patterns of paths, separated by colons.
OTHERS_VARIABLE = "NOVA_ACCEL_LAB_OTHERS"


@dataclasses.dataclass(frozen=True)
class Sight:
    """The machine at one moment."""

    mounts: frozenset[str]
    entries: frozenset[str]


def look() -> Sight:
    """Look at mounts and at the watched folders."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    entries = frozenset(entry for folder in WATCHED for entry in _entries(pathlib.Path(folder)))
    return Sight(frozenset(line.split()[4] for line in lines), entries)


def left_since(before: Sight, run: folders.RunFolder) -> list[str]:
    """What is on the machine now, was not there before, and is not the run's folder."""
    now = look()
    others = os.environ.get(OTHERS_VARIABLE, "").split(":")
    ours = {str(parent) for parent in (run.path, *run.path.parents)}
    files = [
        entry
        for entry in now.entries - before.entries
        if entry not in ours and not any(fnmatch.fnmatch(entry, pattern) for pattern in others)
    ]
    mounts = sorted(now.mounts - before.mounts) + [place for place in sorted(now.mounts) if _inside(place, run.path)]
    return [f"mount {place}" for place in dict.fromkeys(mounts)] + [f"file {entry}" for entry in sorted(files)]


def report(left: list[str]) -> str:
    """The finding as text."""
    if not left:
        return "lab: nothing is left: no process, no mount, no file outside the run's folder"
    return "\n".join(["lab: LEFT BEHIND:", *(f"  {one}" for one in left)])


def _entries(folder: pathlib.Path) -> list[str]:
    try:
        return [str(entry) for entry in folder.iterdir()]
    except OSError:
        return []


def _inside(place: str, folder: pathlib.Path) -> bool:
    return pathlib.Path(place).is_relative_to(folder)
