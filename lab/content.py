"""What is really on an SSD or in persistent memory: read from the host's file behind it, byte by byte."""

from __future__ import annotations

import pathlib

CHUNK = 1 << 20
ZERO = bytes(CHUNK)


def at(image: pathlib.Path, offset: int, length: int) -> bytes:
    """``length`` bytes from ``offset``."""
    with image.open("rb") as device:
        device.seek(offset)
        return device.read(length)


def first_data(image: pathlib.Path, start: int = 0, length: int | None = None) -> int | None:
    """Offset of the first byte that is not zero, in the whole image or a part of it; None when all of it is zero."""
    end = image.stat().st_size if length is None else start + length
    with image.open("rb") as device:
        device.seek(start)
        offset = start
        while chunk := device.read(min(CHUNK, end - offset)):
            if chunk != ZERO[: len(chunk)]:
                return offset + next(index for index, byte in enumerate(chunk) if byte)
            offset += len(chunk)
    return None
