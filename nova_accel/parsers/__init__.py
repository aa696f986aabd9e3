"""Text of a tool in, records out. Pure: no file is opened and nothing is run here.

Every parser takes whatever a tool printed, also nonsense, and returns what it could read together with one warning for each
record that it could not: records + warnings = the records that were there.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

QUOTED = 120  # characters of a tool's output that a sentence of ours shows


@dataclass(frozen=True)
class Parsed(Generic[T]):
    """What a parser understood, and a sentence for each record that it did not."""

    records: tuple[T, ...]
    warnings: tuple[str, ...] = ()


def shorten(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= QUOTED else text[:QUOTED] + "…"


def quote(text: str) -> str:
    """Make hostile text safe and short enough for a log line."""
    return repr(shorten(text))
