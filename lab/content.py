"""What is really on an SSD: read from the host's file behind it, byte by byte."""

from __future__ import annotations

import pathlib

CHUNK = 1 << 20
ZERO = bytes(CHUNK)


def at(image: pathlib.Path, offset: int, length: int) -> bytes:
    """``length`` bytes from ``offset``."""
    with image.open("rb") as device:
        device.seek(offset)
        return device.read(length)


def first_data(image: pathlib.Path) -> int | None:
    """Offset of the first byte that is not zero; None when the whole image is zero."""
    offset = 0
    with image.open("rb") as device:
        while chunk := device.read(CHUNK):
            if chunk != ZERO[: len(chunk)]:
                return offset + next(index for index, byte in enumerate(chunk) if byte)
            offset += len(chunk)
    return None
