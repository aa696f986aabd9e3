"""One thing of a host that is broken, and what the check says then."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.unit.commands.checked_host import CheckedHost

WARNING, FAILURE = 1, 2


@dataclass(frozen=True)
class Broken:
    """What is broken, and what the check says then."""

    check: str
    how: str
    by: Callable[[CheckedHost], object]
    status: int
    found: str
    advice: str

    def __str__(self) -> str:
        return f"{self.check}: {self.how}"
