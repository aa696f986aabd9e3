"""Reads /proc/<pid>/mountinfo; see proc(5)."""

import re
from dataclasses import dataclass

from nova_accel.parsers import Parsed, quote

_DEVICE_NUMBER = re.compile(r"\d+:\d+", re.ASCII)
_OCTAL = re.compile(r"\\([0-7]{3})", re.ASCII)


@dataclass(frozen=True)
class Mount:
    """One mounted file system."""

    device_number: str
    """``major:minor`` as the kernel gives it; file systems with sub-volumes show one of their own."""
    mount_point: str
    source: str
    """What was mounted, such as ``/dev/nvme0n1p1``."""
    file_system: str
    """Its type, such as ``ext4``."""


def parse(text: str) -> Parsed[Mount]:
    """Read every mount; see :class:`nova_accel.parsers.Parsed` for what becomes of the rest."""
    mounts: list[Mount] = []
    warnings: list[str] = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        mount = _mount(line)
        if mount is None:
            warnings.append(f"mountinfo has a line that cannot be read: {quote(line)}")
        else:
            mounts.append(mount)
    return Parsed(tuple(mounts), tuple(warnings))


def _mount(line: str) -> Mount | None:
    fields = line.split(" ")
    # The optional fields before the dash are zero or more, so what follows it is found by the dash.
    if len(fields) < 10 or "-" not in fields[6:] or not _DEVICE_NUMBER.fullmatch(fields[2]):
        return None
    after_dash = fields[fields.index("-", 6) + 1 :]
    if len(after_dash) < 2:
        return None
    return Mount(fields[2], _unescape(fields[4]), _unescape(after_dash[1]), after_dash[0])


def _unescape(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)
