"""Text of a tool in, records out. Pure: no file is opened and nothing is run here.

Every parser takes whatever a tool printed, also nonsense, and returns what it could read together with one warning for each
record that it could not: records + warnings = the records that were there.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_QUOTED = 120


@dataclass(frozen=True)
class Parsed(Generic[T]):
    """What a parser understood, and a sentence for each record that it did not."""

    records: tuple[T, ...]
    warnings: tuple[str, ...] = ()


def quote(text: str) -> str:
    """Make hostile text safe and short enough for a log line."""
    shortened = text if len(text) <= _QUOTED else text[:_QUOTED] + "…"
    return repr(shortened)
