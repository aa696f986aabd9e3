"""Says what of a device is read to prove that it is clean; nothing is read here."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nova_accel.cleaning.eraser import SLICE_BYTES

WHOLE = "whole"
SAMPLE = "sample"

CHUNK_BYTES = 4 * 1024 * 1024
_FIRST_CHUNKS = 4
"""The first 16 MiB: partition tables, boot loaders, and what file systems, LVM, MD and bcache put there."""
_LAST_CHUNKS = 2
"""At least 4 MiB, as the last one may be a piece: the second GPT, and what MD and ZFS put there."""
_BY_CHANCE = 64

_WORDS = {
    WHOLE: "read as a whole, all zero",
    SAMPLE: f"both ends, the partition tables' places and {_BY_CHANCE} places by chance read, 4 MiB each, all zero",
}


@dataclass(frozen=True)
class Slice:
    """A part of a device, from a multiple of 4 MiB on."""

    offset_bytes: int
    length_bytes: int


def in_words(how: str, not_read: str = "") -> str:
    """What was read when all went well, for the record.

    :param not_read: what was erased, but cannot be read, in words
    """
    return f"{_WORDS[how]}; not read, but sanitized: {not_read}" if not_read else _WORDS[how]


def slices(size_bytes: int, how: str, chance: random.Random) -> tuple[Slice, ...]:
    """What to read of a device, in order and each byte once at most.

    :param how: :data:`WHOLE` or :data:`SAMPLE`
    """
    return whole(size_bytes) if how == WHOLE else sample(size_bytes, chance)


def whole(size_bytes: int) -> tuple[Slice, ...]:
    """All of it, 1 GiB at a time."""
    return tuple(Slice(at, min(SLICE_BYTES, size_bytes - at)) for at in range(0, size_bytes, SLICE_BYTES))


def sample(size_bytes: int, chance: random.Random) -> tuple[Slice, ...]:
    """Both ends and some places by chance; all of it where that is less."""
    count = -(-size_bytes // CHUNK_BYTES)
    chosen = {*range(min(_FIRST_CHUNKS, count)), *range(max(0, count - _LAST_CHUNKS), count)}
    chosen.update(chance.sample(range(count), min(_BY_CHANCE, count)))
    return tuple(
        Slice(first * CHUNK_BYTES, min(end * CHUNK_BYTES, size_bytes) - first * CHUNK_BYTES)
        for first, end in _runs(sorted(chosen))
    )


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and one past the last of each run of successive numbers."""
    first = end = -1
    for number in numbers:
        if number != end:
            if end >= 0:
                yield first, end
            first = number
        end = number + 1
    if end >= 0:
        yield first, end
