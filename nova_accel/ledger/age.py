"""Notices that the ledger is an older copy of itself, such as a backup that was put back.

Whatever gives a handle to a server is counted in the ledger, and the count is kept in a small file beside it as well. A ledger that
counts less than that file does not know of claims that were made: what it calls available may have been in a guest since.
"""

import contextlib
import os
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

from oslo_log import log as logging

from nova_accel.exception import LedgerError
from nova_accel.ledger.file import LedgerFile
from nova_accel.ledger.folders import keep_names

LOG = logging.getLogger(__name__)

_COUNTER = "claims"
_WAS_OLDER = "was older"
# Far from what SQLite takes for an integer, so that more can be added.
_MOST = 2**62


class Age:
    """The part of the ledger that knows how far it has come."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file
        self._beside = Path(f"{file.path}.claims")
        self._writing_beside = threading.Lock()

    def count(self, connection: sqlite3.Connection, more: int) -> int:
        """Count claims, inside the transaction that makes them; all that were ever made.

        :raises nova_accel.exception.LedgerError: when claims are missing: one that is added would hide that
        """
        missing = self._missing(connection)
        if missing:
            raise LedgerError(
                self._file.path,
                f"it is an older copy of itself, {missing} claims are missing; nova-compute's next look deals with that",
            )
        return _counted_with(connection, more)

    def remember(self, count: int) -> None:
        """Keep the count outside of the ledger; the claim holds whether that succeeds or not."""
        try:
            self._write(count)
        except OSError as error:
            LOG.warning(
                "%s cannot be written, so an older ledger could not be told from this one: %s", self._beside, error
            )

    def claims_missing(self) -> int:
        """How many claims were made that this ledger does not know of.

        :raises nova_accel.exception.LedgerError: when it cannot be read
        """
        with self._file.connection() as connection:
            return self._missing(connection)

    def is_up_to_date(self) -> None:
        """Note that the claims which are missing were dealt with, and that there were such.

        :raises nova_accel.exception.LedgerError: when that cannot be written, beside the ledger either
        """
        with self._file.transaction() as connection:
            counted = _counted_with(connection, self._missing(connection))
            until_ms = round(datetime.now(UTC).timestamp() * 1000)
            connection.execute("INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)", (_WAS_OLDER, until_ms))
        try:
            self._write(counted)
        except OSError as error:
            raise LedgerError(self._file.path, f"{self._beside} cannot be written: {error.strerror}") from error

    def may_be_outdated(self, since: str) -> bool:
        """Whether what was noted then may be of an older copy of this ledger, so that it may give a handle to the wrong server.

        :param since: UTC, ISO 8601, as the ledger writes it
        :raises nova_accel.exception.LedgerError: when it cannot be read
        """
        with self._file.connection() as connection:
            row = connection.execute("SELECT value FROM note WHERE name = ?", (_WAS_OLDER,)).fetchone()
        return row is not None and datetime.fromisoformat(since).timestamp() * 1000 <= row[0]

    def _missing(self, connection: sqlite3.Connection) -> int:
        try:
            remembered = self._remembered()
        except (OSError, ValueError) as error:  # it may be any number, so it is taken for a greater one
            LOG.warning(
                "%s cannot be read, so the ledger is taken for an older copy of itself: %s", self._beside, error
            )
            return 1
        return max(remembered - _counted(connection), 0)

    def _remembered(self) -> int:
        """The count beside the ledger; none were made where there is no such file.

        :raises OSError: when it cannot be read
        :raises ValueError: when it is no count
        """
        try:
            count = int(self._beside.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0
        if not 0 <= count <= _MOST:
            raise ValueError("nothing was ever claimed that often")
        return count

    def _write(self, count: int) -> None:
        """Have the count on the disk when this returns; it never becomes less."""
        with self._writing_beside:
            with contextlib.suppress(OSError, ValueError):
                if self._remembered() >= count:
                    return
            new = self._beside.with_name(f"{self._beside.name}.{os.getpid()}.new")
            with new.open("w", encoding="ascii") as file:
                file.write(f"{count}\n")
                file.flush()
                os.fsync(file.fileno())
            new.rename(self._beside)
            keep_names(self._beside.parent)


def _counted_with(connection: sqlite3.Connection, more: int) -> int:
    connection.execute(
        "INSERT INTO note (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (_COUNTER, more),
    )
    return _counted(connection)


def _counted(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT value FROM note WHERE name = ?", (_COUNTER,)).fetchone()
    return int(row[0]) if row else 0
