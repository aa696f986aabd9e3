"""What came of one try, as a value."""

import enum
from dataclasses import dataclass

from tests.faults.findings import Rule


class Word(enum.Enum):
    """What an operator may have to do after a fault. Where it is not expected, a try in which it was necessary is bad."""

    STATE = "reset the state of a server that Nova left in the middle of something"
    ALLOCATION = "delete what a move that was cut has left in Placement"
    CLEANING = "ask for cleaning, or bind an SSD"
    FOREIGN = "have data erased that no server is known to have released"


@dataclass(frozen=True)
class Outcome:
    """What came of one try."""

    found: tuple[tuple[Rule, str], ...]
    asked: tuple[tuple[Word, str], ...] = ()
    """What an operator had to do."""
    broken: str = ""
    """Why this try says nothing: the point was not reached, or the test itself failed."""
    expected: frozenset[Word] = frozenset()
    """What an operator may have to do here."""

    @property
    def unexpected(self) -> list[str]:
        """What an operator had to do although nobody else but us could have known what is right."""
        return [f"{word.value}: {sentence}" for word, sentence in self.asked if word not in self.expected]

    @property
    def is_good(self) -> bool:
        return not self.found and not self.broken and not self.unexpected
