"""The table of all operations that were tried: what was expected of the devices, and whether each of the five witnesses agreed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

WITNESSES = ("ledger", "Placement", "Nova", "domain", "device")


@dataclass(frozen=True)
class Row:
    """One operation, or one step of one."""

    operation: str
    expected: str
    wrong: frozenset[str]
    """The witnesses that said something else."""

    def cells(self) -> tuple[str, ...]:
        """As they are printed."""
        return (self.operation, self.expected, *("WRONG" if one in self.wrong else "ok" for one in WITNESSES))


ROWS: list[Row] = []
"""What this process has tried so far."""


def printed(rows: Iterable[Row]) -> list[str]:
    """The table's lines, in the order in which the rows were tried."""
    lines = [("operation", "expected of the devices", *WITNESSES), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def red(output: str) -> dict[str, set[str]]:
    """From a printed table the operations that went wrong, each with the witnesses that said so."""
    return {operation: wrong for operation, wrong in _read(output) if wrong}


def green(output: str) -> set[str]:
    """From a printed table the operations of which nobody said anything else than was expected."""
    return {operation for operation, wrong in _read(output) if not wrong}


def _read(output: str) -> Iterator[tuple[str, set[str]]]:
    for line in output.splitlines():
        operation, *cells = [cell.strip() for cell in line.split("  ") if cell.strip()] or [""]
        said = cells[1:]
        if len(said) == len(WITNESSES) and set(said) <= {"ok", "WRONG"}:
            yield operation, {witness for witness, cell in zip(WITNESSES, said, strict=True) if cell == "WRONG"}
