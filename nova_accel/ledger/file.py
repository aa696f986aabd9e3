"""The ledger's SQLite file: connections and transactions, each on disk when it ends."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from nova_accel.exception import LedgerError
from nova_accel.ledger import schema

_LOCK_WAIT_S = 30.0


class LedgerFile:
    """One file. Safe to use from several threads and processes: every call has a connection of its own."""

    def __init__(self, path: str) -> None:
        """Open the file, and make it when there is none.

        :raises LedgerError: when that is not possible
        """
        self.path = path
        self.revision = 0
        """How often this process has written: what was read at a revision still holds, but for what other processes write."""
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(path, f"its folder cannot be made: {error.strerror}") from error
        with self.connection() as connection:
            schema.prepare(connection)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Read and write with nobody else writing meanwhile; undone as a whole when the block raises.

        :raises LedgerError: when the file cannot be read or written
        """
        with self.connection() as connection:
            # IMMEDIATE: what is read inside can no longer be changed by anybody else.
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection
            self.revision += 1

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading.

        :raises LedgerError: when the file cannot be read
        """
        try:
            with contextlib.closing(
                sqlite3.connect(self.path, timeout=_LOCK_WAIT_S, isolation_level=None)
            ) as connection:
                # FULL: a commit is on the disk when it returns, also if the power fails the next moment.
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
        except sqlite3.Error as error:
            raise LedgerError(self.path, str(error)) from error


def now() -> str:
    """The time as the ledger writes it: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
