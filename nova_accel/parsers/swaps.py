"""Reads /proc/swaps; see proc(5)."""

import re

from nova_accel.parsers import Parsed, quote

_OCTAL = re.compile(r"\\([0-7]{3})", re.ASCII)
_HEADER = re.compile(r"Filename\s+Type\s+Size\s+Used\s+Priority\s*", re.ASCII)
_LINE = re.compile(r"(?P<path>\S+)\s+(?P<kind>partition|file)\s+\d+\s+\d+\s+-?\d+\s*", re.ASCII)


def parse(text: str) -> Parsed[str]:
    """Read the paths of swap partitions and files, the header line left out."""
    paths: list[str] = []
    warnings: list[str] = []
    for line in text.split("\n"):
        if not line.strip() or _HEADER.fullmatch(line):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            warnings.append(f"/proc/swaps has a line that cannot be read: {quote(line)}")
        else:
            paths.append(_OCTAL.sub(lambda octal: chr(int(octal[1], 8)), match["path"]))
    return Parsed(tuple(paths), tuple(warnings))
