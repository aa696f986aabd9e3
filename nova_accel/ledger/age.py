"""Notices that the ledger is an older copy of itself, such as a backup that was put back.

Each claim is counted in the ledger, and the count is kept in a small file beside it as well. A ledger that counts less than that file
does not know of claims that were made: what it calls available may have been in a guest since.
"""

import contextlib
import os
import sqlite3
from pathlib import Path

from oslo_log import log as logging

from nova_accel.ledger.file import LedgerFile

LOG = logging.getLogger(__name__)

_COUNTER = "claims"
_WAS_OLDER = "was older"


class Age:
    """The part of the ledger that knows how far it has come."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file
        self._beside = Path(f"{file.path}.claims")

    def count(self, connection: sqlite3.Connection, more: int) -> int:
        """Count claims, inside the transaction that makes them; all that were ever made."""
        connection.execute(
            "INSERT INTO note (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (_COUNTER, more),
        )
        return _counted(connection)

    def remember(self, count: int) -> None:
        """Keep the count outside of the ledger; the claim holds whether that succeeds or not."""
        new = self._beside.with_name(f"{self._beside.name}.{os.getpid()}.new")
        try:
            new.write_text(f"{count}\n", encoding="ascii")
            new.rename(self._beside)
        except OSError as error:
            LOG.warning("%s cannot be written, so an older ledger could not be told from this one: %s", new, error)

    def claims_missing(self) -> int:
        """How many claims were made that this ledger does not know of.

        :raises nova_accel.exception.LedgerError: when it cannot be read
        """
        with self._file.connection() as connection:
            counted = _counted(connection)
        remembered = 0
        with contextlib.suppress(OSError, ValueError):
            remembered = int(self._beside.read_text(encoding="ascii"))
        return max(remembered - counted, 0)

    def is_up_to_date(self) -> None:
        """Note that the claims which are missing were dealt with, and that there were such."""
        missing = self.claims_missing()
        with self._file.transaction() as connection:
            self.count(connection, missing)
            connection.execute("INSERT OR REPLACE INTO note (name, value) VALUES (?, 1)", (_WAS_OLDER,))

    def was_older(self) -> bool:
        """Whether this ledger was ever an older copy of itself, so that it may give a handle to the wrong server.

        :raises nova_accel.exception.LedgerError: when it cannot be read
        """
        with self._file.connection() as connection:
            return connection.execute("SELECT 1 FROM note WHERE name = ?", (_WAS_OLDER,)).fetchone() is not None


def _counted(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM note WHERE name = ?", (_COUNTER,)).fetchone()
    return int(row[0]) if row else 0
