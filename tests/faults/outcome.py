"""What came of one try, as a value."""

from dataclasses import dataclass

from tests.faults.findings import Rule


@dataclass(frozen=True)
class Outcome:
    """What came of one try."""

    found: tuple[tuple[Rule, str], ...]
    operator_spoke: bool
    broken: str = ""
    """Why this try says nothing: the point was not reached, or the test itself failed."""

    @property
    def is_good(self) -> bool:
        return not self.found and not self.broken
