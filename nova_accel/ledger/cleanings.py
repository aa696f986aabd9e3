"""What the ledger remembers of cleaning: how the last attempt ended, and what is being done now."""

import dataclasses
from dataclasses import dataclass

from nova_accel.ledger.file import LedgerFile


@dataclass(frozen=True)
class CleaningRecord:
    """One attempt to clean a handle that came to an end."""

    identity: str
    method: str
    """How it was erased, such as ``format``; empty where it did not come to that."""
    began: str
    """UTC, ISO 8601."""
    ended: str
    verified: str
    """How it was read back, such as ``read as a whole, all zero``; empty where it did not come to that."""
    result: str
    """``clean``, or why not."""
    version: str
    """Of nova_accel."""
    server: str | None
    """Uuid of the server that had it."""


@dataclass(frozen=True)
class Underway:
    """What is being done to a handle now."""

    identity: str
    words: str
    done_bytes: int
    """Of what the words say; 0 like the total where that is not known."""
    total_bytes: int
    began: str
    """When the words began to hold; UTC, ISO 8601."""


def _columns(kind: type) -> str:
    return ", ".join(field.name for field in dataclasses.fields(kind))


class Cleanings:
    """The part of the ledger about cleaning. Nothing is decided by it: it is for people."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def last(self) -> dict[str, CleaningRecord]:
        """The last attempt that came to an end, by identity."""
        with self._file.connection() as connection:
            rows = connection.execute(f"SELECT {_columns(CleaningRecord)} FROM cleaning")  # noqa: S608  our own fields
            return {row[0]: CleaningRecord(*row) for row in rows}

    def under_way(self) -> dict[str, Underway]:
        """What is being done now, by identity; also what was when nova-compute ended."""
        with self._file.connection() as connection:
            rows = connection.execute(f"SELECT {_columns(Underway)} FROM underway")  # noqa: S608  as above
            return {row[0]: Underway(*row) for row in rows}

    def note(self, doing: Underway) -> None:
        """Note how far the work on a handle is."""
        with self._file.transaction(news=False) as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO underway ({_columns(Underway)}) VALUES (?,?,?,?,?)",  # noqa: S608  as above
                dataclasses.astuple(doing),
            )

    def over(self, identity: str) -> None:
        """Note that nothing is being done to a handle any more."""
        with self._file.transaction(news=False) as connection:
            connection.execute("DELETE FROM underway WHERE identity = ?", (identity,))

    def ended(self, record: CleaningRecord) -> None:
        """Note how an attempt ended."""
        with self._file.transaction(news=False) as connection:
            connection.execute("DELETE FROM underway WHERE identity = ?", (record.identity,))
            connection.execute(
                f"INSERT OR REPLACE INTO cleaning ({_columns(CleaningRecord)}) VALUES (?,?,?,?,?,?,?,?)",  # noqa: S608
                dataclasses.astuple(record),
            )
