"""What an operator says about handles, by command, while nova-compute runs.

The commands write here and nova-compute reads: a counter tells it cheaply that there is something new. Nothing of it bypasses the
table of transitions.
"""

import sqlite3

from nova_accel.exception import HandleRefused
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.file import LedgerFile, now
from nova_accel.ledger.rows import find
from nova_accel.ledger.states import State

_COUNTER = "operator"

_CLEANABLE = (State.DIRTY, State.CLEANING, State.CLEAN_FAILED)


class OperatorsPart:
    """Drain, undrain and ask for cleaning."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def changes(self) -> int:
        """How often an operator said something: compare it with an earlier answer."""
        with self._file.connection() as connection:
            row = connection.execute("SELECT value FROM note WHERE name = ?", (_COUNTER,)).fetchone()
        return int(row[0]) if row else 0

    def drain(self, identity: str, reason: str) -> Entry:
        """Offer a handle to nobody any more; a server that has it keeps it. A second call changes the reason only.

        One that is quarantined stays so: with another reason nova-compute would touch it again.

        :returns: the entry as it was before
        :raises HandleRefused: when the ledger does not know it
        """
        with self._file.transaction() as connection:
            known = look_up(connection, identity)
            if not known.is_quarantined:
                connection.execute("UPDATE handle SET drained = ? WHERE identity = ?", (reason, identity))
            count_word(connection)
        return known

    def undrain(self, identity: str) -> Entry:
        """Offer a drained handle again, once it is clean; one that is not drained stays as it is.

        :returns: the entry as it was before
        :raises HandleRefused: when the ledger does not know it
        """
        with self._file.transaction() as connection:
            known = look_up(connection, identity)
            connection.execute("UPDATE handle SET drained = NULL WHERE identity = ?", (identity,))
            count_word(connection)
        return known

    def ask_for_cleaning(self, identity: str, *, erase_foreign_data: bool) -> Entry:
        """Have a handle cleaned, or read again, as soon as nova-compute gets to it.

        :param erase_foreign_data: take the operator's word as evidence that content which no server released may be erased
        :returns: the entry as it was before
        :raises HandleRefused: when the ledger does not know it, or there is nothing to clean
        """
        with self._file.transaction() as connection:
            known = look_up(connection, identity)
            if known.state not in _CLEANABLE:
                whose = f" to server {known.server}" if known.state is State.ASSIGNED else ""
                raise HandleRefused(identity, f"it is {known.state.value}{whose}, so there is nothing to clean")
            connection.execute("UPDATE handle SET asked = ?, failures = 0 WHERE identity = ?", (now(), identity))
            if erase_foreign_data and not known.may_be_erased:
                connection.execute(
                    "UPDATE handle SET released = ? WHERE identity = ?",
                    (f"an operator said at {now()} that its content may be erased", identity),
                )
            count_word(connection)
        return known

    def done_by(self, identity: str, who: str) -> Entry:
        """Have a handle that somebody else has cleaned read back, and offered again if it holds nothing.

        :param who: in the operator's words, for the record
        :returns: the entry as it was before
        :raises HandleRefused: when the ledger does not know it, nobody released it, or it is not waiting for that
        """
        with self._file.transaction() as connection:
            known = look_up(connection, identity)
            if known.state not in _CLEANABLE or not known.may_be_erased:
                raise HandleRefused(identity, f"it is {known.state.value} and does not wait for a cleaner")
            connection.execute(
                "UPDATE handle SET asked = ?, failures = 0, done_by = ? WHERE identity = ?", (now(), who, identity)
            )
            count_word(connection)
        return known

    def heard(self, identity: str) -> None:
        """Note that the wish to have a handle cleaned was acted upon; what came of it the entry says."""
        with self._file.transaction() as connection:
            connection.execute("UPDATE handle SET asked = NULL WHERE identity = ?", (identity,))


def look_up(connection: sqlite3.Connection, identity: str) -> Entry:
    """The entry that an operator means.

    :raises HandleRefused: when there is none
    """
    known = find(connection, identity)
    if known is None:
        raise HandleRefused(identity, "the ledger of this host does not know it; see nova-accel device list")
    return known


def count_word(connection: sqlite3.Connection) -> None:
    """Have nova-compute see that an operator said something."""
    connection.execute(
        "INSERT INTO note (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", (_COUNTER,)
    )
