"""The table that ``./run faults`` prints."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.faults.findings import Rule
from tests.faults.outcome import Outcome, Word

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


def never_spoken(outcomes: Iterable[tuple[str, Outcome]]) -> Iterator[str]:
    """A line for each word that an operator may have to speak somewhere, and never had to: whoever allowed it may have mended why.

    :param outcomes: what came of each try, beside the name of what was tried
    """
    silent: dict[tuple[str, Word], bool] = {}
    for name, outcome in outcomes:
        asked = {word for word, _ in outcome.asked}
        for word in () if outcome.broken else outcome.expected:
            silent[name, word] = silent.get((name, word), True) and word not in asked
    for name, word in sorted((one for one, is_silent in silent.items() if is_silent), key=str):
        yield f"expected of an operator, and not necessary in any try: {name}: {word.value}"
