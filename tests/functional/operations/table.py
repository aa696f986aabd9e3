"""The table of all operations that were tried: what was expected of the devices, and whether each of the five witnesses agreed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

WITNESSES = ("ledger", "Placement", "Nova", "domain", "device")


@dataclass(frozen=True)
class Row:
    """One operation, or one step of one."""

    operation: str
    expected: str
    erased: bool
    """Whether a device that a guest wrote to must have been erased for it."""
    wrong: frozenset[str]
    """The witnesses that said something else."""

    def cells(self) -> tuple[str, ...]:
        """As they are printed."""
        erased = "must" if self.erased else "-"
        return (self.operation, self.expected, erased, *("WRONG" if one in self.wrong else "ok" for one in WITNESSES))


ROWS: list[Row] = []
"""What this process has tried so far."""


def printed(rows: Iterable[Row]) -> list[str]:
    """The table's lines, in the order in which the rows were tried."""
    lines = [("operation", "expected of the devices", "erased", *WITNESSES), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def unnoticed(rows: Iterable[Row]) -> str:
    """With a cleaner that does nothing: whether each row for which something must have been erased went wrong by it, and no other."""
    strange = [one.operation for one in rows if one.wrong != (frozenset({"device"}) if one.erased else frozenset())]
    return f"the device is wrong where it must have been erased, and nothing else is, but for: {'; '.join(strange) or 'none'}"


def red(output: str) -> dict[str, set[str]]:
    """From a printed table the operations that went wrong, each with the witnesses that said so."""
    return {operation: wrong for operation, _, wrong in _read(output) if wrong}


def green(output: str) -> set[str]:
    """From a printed table the operations of which nobody said anything else than was expected."""
    return {operation for operation, _, wrong in _read(output) if not wrong}


def erased(output: str) -> set[str]:
    """From a printed table the operations for which a device that a guest wrote to must have been erased."""
    return {operation for operation, must, _ in _read(output) if must}


def _read(output: str) -> Iterator[tuple[str, bool, set[str]]]:
    for line in output.splitlines():
        operation, *cells = [cell.strip() for cell in line.split("  ") if cell.strip()] or [""]
        must, said = cells[1:2], cells[2:]
        if len(said) == len(WITNESSES) and set(said) <= {"ok", "WRONG"}:
            wrong = {witness for witness, cell in zip(WITNESSES, said, strict=True) if cell == "WRONG"}
            yield operation, must == ["must"], wrong
