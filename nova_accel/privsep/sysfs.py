"""Reads sysfs on root's side."""

import os
from pathlib import Path


def attribute(path: Path) -> str | None:
    """The stripped content of a sysfs file; None when it is not there or cannot be read now."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def number(path: Path) -> int | None:
    """A decimal number in a sysfs file; None when there is none."""
    text = attribute(path)
    return int(text) if text and text.isascii() and text.isdecimal() else None


def device_number(folder: Path) -> int | None:
    """The number of the device that is at this folder; None when it is gone, or none of /dev."""
    major, _, minor = (attribute(folder / "dev") or "").partition(":")
    return os.makedev(int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None


def kernel_driver(folder: Path) -> str | None:
    """The name of the kernel driver that has the device."""
    link = folder / "driver"
    return link.resolve().name if link.is_symlink() else None


def children(folder: Path) -> list[Path]:
    """What lies in a folder, in order; nothing when it is gone."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
