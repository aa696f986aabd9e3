"""Reads and writes the ledger. Each method is one transaction, on disk when it returns."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nova_accel.exception import HandleUnavailable, LedgerError
from nova_accel.ledger import schema
from nova_accel.ledger.states import Event, State, after
from nova_accel.model import HandleId

_LOCK_WAIT_S = 30.0
_ENTRIES = "SELECT resource_class, identity, provider, state, server, released, reason, since FROM handle"


@dataclass(frozen=True)
class Entry:
    """What the ledger knows about one handle."""

    handle: HandleId
    provider: str
    """The provider's name without the node's, such as ``ssd_S4EVNF0M500001``."""
    state: State
    server: str | None
    released: str | None
    reason: str
    since: str

    @property
    def may_be_erased(self) -> bool:
        """Whether there is evidence that its last server released it."""
        return self.released is not None


@dataclass(frozen=True)
class Sighting:
    """What was last seen at an address, and the verdict on it."""

    address: str
    incarnation: str
    serial: str | None
    driver: str | None
    reason: str
    sentence: str


class Ledger:
    """The ledger in one file. Safe to use from several threads and processes: every call has a connection of its own."""

    def __init__(self, path: str) -> None:
        """Open the ledger, and make it when there is none.

        :raises LedgerError: when that is not possible
        """
        self.path = path
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(path, f"its folder cannot be made: {error.strerror}") from error
        with self._connection() as connection:
            schema.prepare(connection)

    def entries(self) -> dict[HandleId, Entry]:
        """Every handle that was ever offered."""
        with self._connection() as connection:
            rows = connection.execute(_ENTRIES).fetchall()
        return {entry.handle: entry for entry in map(_entry, rows)}

    def of_server(self, server: str) -> tuple[Entry, ...]:
        """The handles that a server has or has not released yet."""
        return tuple(e for e in self.entries().values() if e.server == server and e.state is State.ASSIGNED)

    def add(self, handle: HandleId, provider: str, reason: str) -> None:
        """Note a handle that was never offered before, as dirty; one that is known stays as it is."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO handle (resource_class, identity, provider, state, reason, since) VALUES (?,?,?,?,?,?)",
                (handle.resource_class, handle.identity, provider, State.DIRTY.value, reason, _now()),
            )

    def claim(self, handles: Sequence[HandleId], server: str) -> tuple[HandleId, ...]:
        """Give handles to a server, all or none. From now on they count as used.

        :returns: those that the server did not have before
        :raises HandleUnavailable: when one is not available and not this server's
        """
        with self._transaction() as connection:
            entries = [self._required(connection, handle, server) for handle in handles]
            for entry in entries:
                _refuse_unless_claimable(entry, server)
            fresh = tuple(entry.handle for entry in entries if entry.state is not State.ASSIGNED)
            for handle in fresh:
                self._apply(connection, handle, Event.CLAIM, server=server, released=None)
        return fresh

    def give_back(self, handles: Iterable[HandleId], server: str) -> None:
        """Undo a claim whose handles never reached a guest."""
        with self._transaction() as connection:
            for handle in handles:
                entry = self._required(connection, handle, server)
                if entry.server == server:
                    self._apply(connection, handle, Event.GIVE_BACK, server=None, released=None)

    def release(self, server: str, evidence: str) -> tuple[HandleId, ...]:
        """Note that a server is done with all it had: the content may be erased.

        :param evidence: how that is known, for the record
        :returns: the handles, now dirty
        """
        with self._transaction() as connection:
            rows = connection.execute(
                _ENTRIES + " WHERE server = ? AND state = ?", (server, State.ASSIGNED.value)
            ).fetchall()
            handles = tuple(_entry(row).handle for row in rows)
            for handle in handles:
                self._apply(
                    connection, handle, Event.RELEASE, server=server, released=evidence, reason="not cleaned yet"
                )
        return handles

    def found_zero(self, handle: HandleId) -> None:
        """Note that a dirty handle was read as a whole and holds nothing."""
        with self._transaction() as connection:
            self._apply(connection, handle, Event.FOUND_ZERO, server=None, released=None)

    def host_used_it(self, handle: HandleId, reason: str) -> None:
        """Note that the host uses an available handle, so nothing is proven about it any more."""
        with self._transaction() as connection:
            self._apply(connection, handle, Event.HOST_USED_IT, server=None, released=None, reason=reason)

    def start_cleaning(self, handle: HandleId) -> None:
        """Note that a released handle is being erased from now on.

        :raises HandleUnavailable: when nobody released it
        """
        with self._transaction() as connection:
            entry = self._required(connection, handle, "the cleaner")
            if not entry.may_be_erased:
                raise HandleUnavailable(handle.identity, "the cleaner", "nobody released it, so it must not be erased")
            self._apply(
                connection, handle, Event.CLEAN, server=entry.server, released=entry.released, reason="being cleaned"
            )

    def cleaned(self, handle: HandleId) -> None:
        """Note that cleaning was verified."""
        with self._transaction() as connection:
            self._apply(connection, handle, Event.CLEANED, server=None, released=None)

    def cleaning_failed(self, handle: HandleId, reason: str) -> None:
        """Note why a handle stays reserved."""
        with self._transaction() as connection:
            entry = self._required(connection, handle, "the cleaner")
            self._apply(
                connection, handle, Event.CLEANING_FAILED, server=entry.server, released=entry.released, reason=reason
            )

    def explain(self, handle: HandleId, reason: str) -> None:
        """Note why a handle is not available, its state unchanged."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE handle SET reason = ? WHERE resource_class = ? AND identity = ? AND reason <> ?",
                (reason, handle.resource_class, handle.identity, reason),
            )

    def sightings(self) -> dict[str, Sighting]:
        """What was last seen, by address."""
        query = "SELECT address, incarnation, serial, driver, reason, sentence FROM sighting"
        with self._connection() as connection:
            return {row[0]: Sighting(*row) for row in connection.execute(query)}

    def replace_sightings(self, sightings: Iterable[Sighting]) -> None:
        """Note what is seen now; what is not among it is gone."""
        wanted = {sighting.address: sighting for sighting in sightings}
        if wanted == self.sightings():
            return
        with self._transaction() as connection:
            connection.execute("DELETE FROM sighting")
            connection.executemany(
                "INSERT INTO sighting (address, incarnation, serial, driver, reason, sentence, since) VALUES (?,?,?,?,?,?,?)",
                [(s.address, s.incarnation, s.serial, s.driver, s.reason, s.sentence, _now()) for s in wanted.values()],
            )

    def _required(self, connection: sqlite3.Connection, handle: HandleId, wanted_by: str) -> Entry:
        row = connection.execute(
            _ENTRIES + " WHERE resource_class = ? AND identity = ?",
            (handle.resource_class, handle.identity),
        ).fetchone()
        if row is None:
            raise HandleUnavailable(handle.identity, wanted_by, "this host has never offered it")
        return _entry(row)

    def _apply(
        self,
        connection: sqlite3.Connection,
        handle: HandleId,
        event: Event,
        *,
        server: str | None,
        released: str | None,
        reason: str = "",
    ) -> None:
        state = self._required(connection, handle, "nobody").state
        connection.execute(
            "UPDATE handle SET state = ?, server = ?, released = ?, reason = ?, since = ?"
            " WHERE resource_class = ? AND identity = ?",
            (
                after(str(handle), state, event).value,
                server,
                released,
                reason,
                _now(),
                handle.resource_class,
                handle.identity,
            ),
        )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            # IMMEDIATE: what is read inside can no longer be changed by anybody else.
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(
                sqlite3.connect(self.path, timeout=_LOCK_WAIT_S, isolation_level=None)
            ) as connection:
                # FULL: a commit is on the disk when it returns, also if the power fails the next moment.
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
        except sqlite3.Error as error:
            raise LedgerError(self.path, str(error)) from error


def _refuse_unless_claimable(entry: Entry, server: str) -> None:
    if entry.state is State.AVAILABLE or (entry.state is State.ASSIGNED and entry.server == server):
        return
    whose = f" to server {entry.server}" if entry.state is State.ASSIGNED else ""
    why = f" ({entry.reason})" if entry.reason else ""
    raise HandleUnavailable(entry.handle.identity, server, f"it is {entry.state.value}{whose}{why}")


def _entry(row: tuple[str, ...]) -> Entry:
    resource_class, identity, provider, state, server, released, reason, since = row
    return Entry(HandleId(resource_class, identity), provider, State(state), server, released, reason, since)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
