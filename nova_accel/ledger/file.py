"""The ledger's SQLite file: connections and transactions, each on disk when it ends."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from nova_accel.exception import LedgerDamaged, LedgerError, NotALedger
from nova_accel.ledger import schema

_LOCK_WAIT_S = 30.0
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY_CODE = 0xFF
# How SQLite puts that it found no room depends on where it looked for it.
_OF_A_FULL_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
_LITTLE_ROOM_BYTES = 64 * 1024
"""Less is too little for the files that SQLite makes beside its own whenever it opens it."""
# What SQLite keeps beside its file while it is in use.
_BESIDE = ("", "-wal", "-shm")


class LedgerFile:
    """One file. Safe to use from several threads and processes: every call has a connection of its own."""

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        """Open nothing yet: the first use makes the file when there is none, or brings an older one up to date.

        :param read_only: it lies where nobody can write, so it is only read, and as it is
        """
        self.path = path
        self._read_only = read_only
        self.revision = 0
        """How often this process has written: what was read at a revision still holds, but for what other processes write."""
        self.begun = 0
        """How often this process has begun an empty ledger, because there was none."""
        self._is_ready = read_only
        self._making_ready = threading.Lock()

    @contextlib.contextmanager
    def transaction(self, *, news: bool = True) -> Iterator[sqlite3.Connection]:
        """Read and write with nobody else writing meanwhile; undone as a whole when the block raises.

        :param news: whether what is written may change what is offered
        :raises LedgerError: when the file cannot be read or written
        """
        with self.connection() as connection:
            # IMMEDIATE: what is read inside can no longer be changed by anybody else.
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection
            self.revision += news

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading.

        :raises LedgerError: when the file cannot be read
        """
        self.make_ready()
        with self._opened() as connection:
            yield connection

    def check(self) -> None:
        """Read through the file.

        :raises LedgerDamaged: when it is not as SQLite left it, or its tables are not ours
        :raises LedgerError: when it cannot be read
        """
        self._is_ready = False  # another file may have been put in its place
        with self.connection() as connection:
            schema.check(connection)

    def set_aside(self) -> Path:
        """Give a damaged file another name, so that a new one is begun.

        :returns: what it is called now
        :raises LedgerError: when it cannot be renamed
        """
        aside = Path(f"{self.path}.broken-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        try:
            for more in _BESIDE:
                with contextlib.suppress(FileNotFoundError):
                    Path(self.path + more).rename(f"{aside}{more}")
        except OSError as error:
            raise LedgerError(self.path, f"it is damaged and cannot be renamed: {error.strerror}") from error
        self._is_ready = False
        self.revision += 1
        return aside

    def make_ready(self) -> None:
        """Make the file when there is none, or bring an older one up to date.

        :raises LedgerError: when that is not possible
        """
        # A file that went away is made again, as an empty one: what it knew is then to be found out anew.
        if self._is_ready and self._is_there():
            return
        with self._making_ready:
            try:
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LedgerError(self.path, f"its folder cannot be made: {error.strerror}") from error
            with self._opened() as connection:
                self.begun += schema.prepare(connection)
            self._is_ready = True

    def _is_there(self) -> bool:
        try:
            return Path(self.path).exists()
        except OSError as error:
            raise LedgerError(self.path, f"its folder cannot be searched: {error.strerror}") from error

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            where = as_it_lies(self.path) if self._read_only else self.path
            with contextlib.closing(
                sqlite3.connect(where, timeout=_LOCK_WAIT_S, isolation_level=None, uri=self._read_only)
            ) as connection:
                # FULL: a commit is on the disk when it returns, also if the power fails the next moment.
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
        except (sqlite3.Error, OSError, ValueError) as error:
            # Without our tables it is another file by now, or an empty one. A full or busy disk keeps nobody from reading on.
            if _is_damage(error) or _code(error) == sqlite3.SQLITE_ERROR:
                self._is_ready = False
            raise self._told(error) from error

    def _told(self, error: Exception) -> LedgerError:
        if isinstance(error, sqlite3.NotSupportedError):
            return NotALedger(self.path, str(error))
        if _is_damage(error):
            return LedgerDamaged(self.path, str(error))
        return LedgerError(self.path, in_words(self.path, error))


def _is_damage(error: Exception) -> bool:
    """Whether it comes from what is in the file: the rest, as a full disk, may pass."""
    code = _code(error)
    if code is not None:
        return code in _DAMAGED
    # Python says without a code that a text is not UTF-8: as OperationalError of a value, as ValueError of a name.
    return isinstance(error, (sqlite3.DataError, sqlite3.OperationalError, ValueError))


def in_words(path: str, error: Exception) -> str:
    """What kept SQLite from using a file, for people."""
    return f"its disk is full ({error})" if _code(error) in _OF_A_FULL_DISK and _has_little_room(path) else str(error)


def _has_little_room(path: str) -> bool:
    try:
        room = os.statvfs(Path(path).parent)
    except OSError:
        return False
    # One without any blocks does not tell.
    return room.f_blocks > 0 and room.f_bavail * room.f_frsize < _LITTLE_ROOM_BYTES


def as_it_lies(path: str) -> str:
    """The URI by which SQLite reads a file where nobody can write, so that it cannot put its own two beside it."""
    waiting = Path(f"{path}-wal")
    # What was committed and is not in the file yet is read with both of them, which are there then; "immutable" would leave it out.
    how = "mode=ro" if waiting.exists() and waiting.stat().st_size else "immutable=1"
    return f"{Path(path).absolute().as_uri()}?{how}"


def _code(error: Exception) -> int | None:
    """SQLite's own word for an error, without what says more about the same."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY_CODE


def now() -> str:
    """The time as the ledger writes it: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
