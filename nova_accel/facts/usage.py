"""Finds what the host itself does with a block device: mounts, swap, holders and what is stacked on them.

This gives the reason in words. Whether a device is free is decided by an exclusive open on root's side, which also sees what other
mount namespaces do.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nova_accel.facts.roots import Roots
from nova_accel.parsers import mountinfo, swaps


class UseKind(enum.Enum):
    """How the host uses a block device."""

    ROOT = "root"
    SWAP = "swap"
    LVM = "LVM"
    MD = "MD"
    BCACHE = "bcache"
    DM_CRYPT = "dm-crypt"
    MOUNT = "mount"
    HOLDER = "holder"


# The beginning of dm/uuid says who made a device-mapper device; the names of the others are the kernel's.
_DM_MAKERS = {"LVM-": UseKind.LVM, "CRYPT-": UseKind.DM_CRYPT}
_KERNEL_NAMES = {"md": UseKind.MD, "bcache": UseKind.BCACHE}


@dataclass(frozen=True)
class Use:
    """One use of one disk or partition."""

    kind: UseKind
    device: str
    """The disk or partition that is used, such as ``nvme0n1p1``."""
    is_partition: bool
    words: str
    """Goes on after "the host has it": "mounted at /srv", "as part of dm-0 (vg-data)"."""


@dataclass(frozen=True)
class HostUse:
    """The host's mounts and swaps, read once for all devices."""

    mounts: tuple[mountinfo.Mount, ...]
    swap_paths: tuple[str, ...]
    warnings: tuple[str, ...]


def read_host(roots: Roots) -> HostUse:
    """Read mounts and swaps of this process' mount namespace."""
    mounts = mountinfo.parse(roots.read(roots.proc / "self/mountinfo") or "")
    swap = swaps.parse(roots.read(roots.proc / "swaps") or "")
    return HostUse(mounts.records, swap.records, mounts.warnings + swap.warnings)


def read(roots: Roots, host: HostUse, block_devices: tuple[str, ...]) -> tuple[Use, ...]:
    """Find every use of the named disks and their partitions."""
    return tuple(
        use
        for disk in block_devices
        for name in _with_partitions(roots, disk)
        for use in _uses(roots, host, name, is_partition=name != disk)
    )


def _uses(roots: Roots, host: HostUse, name: str, *, is_partition: bool) -> Iterator[Use]:
    if f"/dev/{name}" in host.swap_paths:
        yield Use(UseKind.SWAP, name, is_partition, f"as swap, /dev/{name}")
    for point in _mount_points(roots, host, name):
        kind = UseKind.ROOT if point == "/" else UseKind.MOUNT
        yield Use(kind, name, is_partition, f"mounted at {point}")
    for holder in _children(roots.sys / "class/block" / name / "holders"):
        yield from _held(roots, host, name, holder.name, is_partition=is_partition)


def _held(roots: Roots, host: HostUse, name: str, holder: str, *, is_partition: bool) -> Iterator[Use]:
    words = f"as part of {_described(roots, holder)}"
    yield Use(_kind_of(roots, holder), name, is_partition, words)
    # The host's root may lie on it through any number of layers; the kernel makes no circles of them.
    for above in (holder, *_everything_above(roots, holder)):
        if "/" in _mount_points(roots, host, above):
            yield Use(UseKind.ROOT, name, is_partition, f"{words}, mounted at /")


def _everything_above(roots: Roots, name: str) -> Iterator[str]:
    for holder in _children(roots.sys / "class/block" / name / "holders"):
        yield holder.name
        yield from _everything_above(roots, holder.name)


def _kind_of(roots: Roots, holder: str) -> UseKind:
    maker = roots.read(roots.sys / "class/block" / holder / "dm/uuid") or ""
    for prefix, kind in _DM_MAKERS.items():
        if maker.startswith(prefix):
            return kind
    for prefix, kind in _KERNEL_NAMES.items():
        if holder.removeprefix(prefix)[:1].isdecimal() and holder.startswith(prefix):
            return kind
    return UseKind.HOLDER


def _mount_points(roots: Roots, host: HostUse, name: str) -> list[str]:
    number = roots.read(roots.sys / "class/block" / name / "dev")
    mapped = roots.read(roots.sys / "class/block" / name / "dm/name")
    sources = {f"/dev/{name}", f"/dev/mapper/{mapped}" if mapped else f"/dev/{name}"}
    return [m.mount_point for m in host.mounts if (number and m.device_number == number) or m.source in sources]


def _with_partitions(roots: Roots, name: str) -> list[str]:
    folder = roots.sys / "class/block" / name
    return [name, *(child.name for child in _children(folder) if (child / "partition").exists())]


def _described(roots: Roots, holder: str) -> str:
    mapped = roots.read(roots.sys / "class/block" / holder / "dm/name")
    return f"{holder} ({mapped})" if mapped else holder


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
