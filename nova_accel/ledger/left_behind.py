"""What an operator says that a server left behind on this host: asked for by command, carried out or refused by nova-compute.

What was released on such a word is remembered: Nova goes on naming it as that server's, from a move that failed.
"""

import sqlite3
from dataclasses import dataclass

from nova_accel.exception import HandleRefused
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.file import LedgerFile, now
from nova_accel.ledger.operator import count_word, look_up
from nova_accel.ledger.rows import ENTRIES, entry, find, release
from nova_accel.ledger.states import State
from nova_accel.model import HandleId


@dataclass(frozen=True)
class Wish:
    """An operator wants a handle released that a server has by the ledger."""

    handle: HandleId
    server: str
    purged: bool = False
    """Whether the operator says that Nova's database does not know the server any more, because its row was purged."""


class LeftBehind:
    """The part of the ledger about an operator's word on what servers left here."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def ask(self, identity: str, server: str, *, purged: bool = False) -> Entry:
        """Have a handle released and cleaned that a server left behind, if nova-compute finds that it did.

        :param server: in full, as a proof that it is the one that is meant
        :param purged: whether that Nova's database does not know the server is not against it
        :returns: the entry as it was before
        :raises HandleRefused: when the ledger does not know it, or does not give it to that server
        """
        with self._file.transaction() as connection:
            known = look_up(connection, identity)
            if known.state is not State.ASSIGNED or known.server != server:
                whose = f" to server {known.server}" if known.state is State.ASSIGNED else ""
                raise HandleRefused(identity, f"it is {known.state.value}{whose}, not assigned to {server}")
            connection.execute("UPDATE handle SET asked = ? WHERE identity = ?", (now(), identity))
            connection.execute(
                "INSERT OR REPLACE INTO left_behind (identity, server, released, purged) VALUES (?, ?, 0, ?)",
                (identity, server, purged),
            )
            count_word(connection)
        return known

    def wishes(self) -> tuple[Wish, ...]:
        """What is asked for; of those only that can still be meant, because the ledger gives the handle to that server."""
        with self._file.connection() as connection:
            assigned = connection.execute(ENTRIES + " WHERE state = ?", (State.ASSIGNED.value,)).fetchall()
            words = connection.execute("SELECT identity, server, purged FROM left_behind WHERE NOT released").fetchall()
            having = [(one.handle, one.server or "") for one in map(entry, assigned)]
        purged = {(identity, server): bool(one) for identity, server, one in words}
        return tuple(
            Wish(handle, server, purged[handle.identity, server])
            for handle, server in having
            if (handle.identity, server) in purged
        )

    def grant(self, wish: Wish, evidence: str) -> None:
        """Release what a server left behind, and remember that; nothing when it does not have it any more."""
        with self._file.transaction() as connection:
            if _is_meant(connection, wish):
                release(connection, wish.handle, wish.server, evidence)
                connection.execute(
                    "UPDATE left_behind SET released = 1 WHERE identity = ? AND server = ?",
                    (wish.handle.identity, wish.server),
                )

    def refuse(self, wish: Wish, why: str) -> None:
        """Note why a handle stays the server's, for whoever asked."""
        with self._file.transaction() as connection:
            has_again(connection, wish.handle, wish.server)
            if _is_meant(connection, wish):
                connection.execute(
                    "UPDATE handle SET asked = NULL, reason = ? WHERE identity = ?", (why, wish.handle.identity)
                )

    def released(self) -> frozenset[tuple[str, str]]:
        """Identity and server of what was released on an operator's word, and that server has not got again."""
        with self._file.connection() as connection:
            rows = connection.execute("SELECT identity, server FROM left_behind WHERE released").fetchall()
        return frozenset((identity, server) for identity, server in rows)


def has_again(connection: sqlite3.Connection, handle: HandleId, server: str) -> None:
    """Forget that a server left a handle behind, because it has it; inside a transaction that somebody else began."""
    connection.execute("DELETE FROM left_behind WHERE identity = ? AND server = ?", (handle.identity, server))


def handed_on(connection: sqlite3.Connection, handle: HandleId, owner: str) -> None:
    """Forget what was asked about a handle that turns out to be another server's; likewise."""
    has_again(connection, handle, owner)
    connection.execute("UPDATE handle SET asked = NULL WHERE identity = ?", (handle.identity,))


def forget_all(connection: sqlite3.Connection) -> None:
    """Forget every word of an operator's, because servers may have got again since what they had left; likewise."""
    connection.execute("DELETE FROM left_behind")
    connection.execute("UPDATE handle SET asked = NULL WHERE state = ?", (State.ASSIGNED.value,))


def _is_meant(connection: sqlite3.Connection, wish: Wish) -> bool:
    known = find(connection, wish.handle.identity)
    return known is not None and known.state is State.ASSIGNED and known.server == wish.server
