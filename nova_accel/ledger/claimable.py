"""Whether a server may have a handle by what the ledger says of it, inside a transaction that somebody else began."""

import sqlite3

from nova_accel.exception import HandleRefused, HandleUnavailable
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.rows import required
from nova_accel.ledger.states import State
from nova_accel.model import HandleId


def refuse_unless_claimable(connection: sqlite3.Connection, handle: HandleId, server: str) -> Entry:
    """The entry of a handle that a server has, or may have.

    :raises HandleUnavailable: when it is not available and not this server's
    """
    try:
        known = required(connection, handle)
    except HandleRefused as error:
        raise HandleUnavailable(handle.identity, server, error.reason) from error
    why = _why_not(known, server)
    if why:
        raise HandleUnavailable(handle.identity, server, why)
    return known


def who_has(one: Entry) -> str:
    """In what state a handle is, whose it is in that, and why."""
    whose = f" to server {one.server}" if one.state is State.ASSIGNED else ""
    why = f" ({one.reason})" if one.reason else ""
    return f"it is {one.state.value}{whose}{why}"


def _why_not(one: Entry, server: str) -> str:
    if one.state is State.ASSIGNED and one.server == server:
        return f"it is {one.drained}" if one.is_quarantined else ""
    if one.state is not State.AVAILABLE:
        return who_has(one)
    return f"it is drained ({one.drained})" if one.drained is not None else ""
