"""Rows of the table of handles, inside a transaction that somebody else began."""

import sqlite3
from typing import Any

from nova_accel.exception import HandleRefused
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.file import now
from nova_accel.ledger.states import Event, State, after
from nova_accel.model import HandleId

ENTRIES = (
    "SELECT resource_class, identity, provider, state, server, released, reason, since, drained, asked, cleaned,"
    " failures, retry_at, done_by, unproven FROM handle"
)


def entry(row: tuple[Any, ...]) -> Entry:
    """Make the value of a row of :data:`ENTRIES`.

    :raises sqlite3.DataError: when it is in a state that there is not
    """
    resource_class, identity, provider, state, *rest = row
    rest[-1] = bool(rest[-1])
    return Entry(HandleId(resource_class, identity), provider, _state(identity, state), *rest)


def _state(identity: str, word: str) -> State:
    try:
        return State(word)
    except ValueError as error:
        raise sqlite3.DataError(f"{identity} is {word!r} by it, which no handle can be") from error


def find(connection: sqlite3.Connection, identity: str) -> Entry | None:
    """The entry with an identity, whatever its resource class."""
    row = connection.execute(ENTRIES + " WHERE identity = ?", (identity,)).fetchone()
    return entry(row) if row else None


def required(connection: sqlite3.Connection, handle: HandleId) -> Entry:
    """The entry of a handle.

    :raises HandleRefused: when there is none, or it is of another resource class
    """
    known = find(connection, handle.identity)
    if known is None:
        raise HandleRefused(handle.identity, "this host has never offered it")
    if known.handle != handle:
        raise HandleRefused(handle.identity, f"this host has it as {known.handle.resource_class}")
    return known


def insert(connection: sqlite3.Connection, handle: HandleId, provider: str, reason: str) -> None:
    """Note a handle as dirty, unless it is known."""
    connection.execute(
        "INSERT OR IGNORE INTO handle (identity, resource_class, provider, state, reason, since) VALUES (?,?,?,?,?,?)",
        (handle.identity, handle.resource_class, provider, State.DIRTY.value, reason, now()),
    )


def note_clean(connection: sqlite3.Connection, handle: HandleId, how: str) -> None:
    """Note how a handle was proven clean; whatever was wanted to that end is fulfilled with it."""
    connection.execute(
        "UPDATE handle SET cleaned = ?, asked = NULL, failures = 0, retry_at = NULL, done_by = NULL WHERE identity = ?",
        (f"{now()}: {how}", handle.identity),
    )


def release(connection: sqlite3.Connection, handle: HandleId, server: str, evidence: str) -> None:
    """Note that a server is done with a handle; what an operator wanted of it as that server's is fulfilled with it."""
    apply(connection, handle, Event.RELEASE, server=server, released=evidence, reason="not cleaned yet")
    connection.execute(
        "UPDATE handle SET failures = 0, retry_at = NULL, asked = NULL WHERE identity = ?", (handle.identity,)
    )


def apply(
    connection: sqlite3.Connection,
    handle: HandleId,
    event: Event,
    *,
    server: str | None,
    released: str | None,
    reason: str = "",
) -> None:
    """Move a handle to the state that follows an event.

    :raises nova_accel.ledger.states.IllegalTransition: when the event cannot happen now
    """
    state = required(connection, handle).state
    connection.execute(
        "UPDATE handle SET state = ?, server = ?, released = ?, reason = ?, since = ? WHERE identity = ?",
        (after(str(handle), state, event).value, server, released, reason, now(), handle.identity),
    )
