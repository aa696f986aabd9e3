"""Finds what the host itself does with a block device: mounts, swap, holders.

This gives the reason in words. Whether a device is free is decided by an exclusive open on root's side, which also sees what other
mount namespaces do.
"""

from dataclasses import dataclass
from pathlib import Path

from nova_accel.facts.roots import Roots
from nova_accel.parsers import mountinfo, swaps


@dataclass(frozen=True)
class HostUse:
    """The host's mounts and swaps, read once for all devices."""

    mounts: tuple[mountinfo.Mount, ...]
    swap_paths: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Usage:
    """What the host does with one disk and its partitions."""

    mount_points: tuple[str, ...] = ()
    swaps: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()


def read_host(roots: Roots) -> HostUse:
    """Read mounts and swaps of this process' mount namespace."""
    mounts = mountinfo.parse(roots.read(roots.proc / "self/mountinfo") or "")
    swap = swaps.parse(roots.read(roots.proc / "swaps") or "")
    return HostUse(mounts.records, swap.records, mounts.warnings + swap.warnings)


def read(roots: Roots, host: HostUse, block_devices: tuple[str, ...]) -> Usage:
    """Find what uses the named block devices or a partition of them."""
    names = [part for name in block_devices for part in _with_partitions(roots, name)]
    numbers = {roots.read(roots.sys / "class/block" / name / "dev") for name in names}
    paths = {f"/dev/{name}" for name in names}
    return Usage(
        mount_points=tuple(m.mount_point for m in host.mounts if m.device_number in numbers or m.source in paths),
        swaps=tuple(path for path in host.swap_paths if path in paths),
        holders=tuple(holder for name in names for holder in _holders(roots, name)),
    )


def _with_partitions(roots: Roots, name: str) -> list[str]:
    folder = roots.sys / "class/block" / name
    return [name, *(child.name for child in _children(folder) if (child / "partition").exists())]


def _holders(roots: Roots, name: str) -> list[str]:
    return [_described(roots, holder.name) for holder in _children(roots.sys / "class/block" / name / "holders")]


def _described(roots: Roots, holder: str) -> str:
    mapped = roots.read(roots.sys / "class/block" / holder / "dm/name")
    return f"{holder} ({mapped})" if mapped else holder


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
