"""The table that ``./run faults`` prints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.faults.findings import Rule
from tests.faults.outcome import Outcome

_OPERATOR = ("operator asked", "unexpectedly")


@dataclass
class Row:
    """All tries of one fault."""

    fault: str
    tried: int = 0
    broken: int = 0
    operator: int = 0
    unexpected: int = 0
    found: dict[Rule, int] = field(default_factory=lambda: dict.fromkeys(Rule, 0))

    def add(self, outcome: Outcome) -> None:
        """Count one try. One that says nothing about the fault is not counted as tried."""
        self.tried += not outcome.broken
        self.broken += bool(outcome.broken)
        self.operator += bool(outcome.asked)
        self.unexpected += bool(outcome.unexpected)
        for rule, _ in outcome.found:
            self.found[rule] += 1

    def cells(self) -> list[str]:
        """What stands in the row."""
        return [self.fault, *map(str, (self.tried, *self.found.values(), self.operator, self.unexpected))]


def printed(rows: Sequence[Row]) -> Iterator[str]:
    """The table's lines, with a sum."""
    total = Row("all")
    for row in rows:
        total.tried += row.tried
        total.operator += row.operator
        total.unexpected += row.unexpected
        for rule, count in row.found.items():
            total.found[rule] += count
    cells = [["fault", "tried", *(rule.value for rule in Rule), *_OPERATOR], *(row.cells() for row in (*rows, total))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for first, *numbers in cells:
        right = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *right])
