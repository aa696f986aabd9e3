"""Reads what ``nvme list-ns`` prints: the numbers of an SSD's namespaces."""

import re

from nova_accel.exception import ParseError
from nova_accel.parsers import shorten

_TOOL = "nvme list-ns"
# Newer releases begin with it.
_HEADING = "nvme namespace list:"
# Such as "[   0]:0x1", in every release.
_LINE = re.compile(r"\[ *\d{1,4}\] *: *0x([0-9a-f]{1,8})", re.ASCII | re.IGNORECASE)
_MOST = 1023  # the list is one page of 1024: a full one may go on in the next
_ALL_NAMESPACES = 0xFFFFFFFF


def parse_list_ns(text: str) -> frozenset[int]:
    """Read the numbers of the namespaces; none where nothing was printed.

    :raises ParseError: when a line is something else, a number comes twice or can be none, or the list may be cut off
    """
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    numbers = [_number(line) for line in lines[_has_heading(lines) :]]
    if len(set(numbers)) != len(numbers):
        raise ParseError(_TOOL, "a namespace comes twice", shorten(text))
    if len(numbers) > _MOST:
        raise ParseError(_TOOL, f"more than {_MOST} namespaces, so there may be others", shorten(text))
    return frozenset(numbers)


def _has_heading(lines: list[str]) -> bool:
    return bool(lines) and lines[0].lower() == _HEADING


def _number(line: str) -> int:
    match = _LINE.fullmatch(line)
    number = int(match[1], 16) if match else 0
    if number in (0, _ALL_NAMESPACES):
        raise ParseError(_TOOL, "a line without the number of a namespace", shorten(line))
    return number
