"""Reads and writes the ledger. Each method is one transaction, on disk when it returns."""

from collections.abc import Container, Iterable, Mapping, Sequence

from nova_accel.exception import HandleRefused, HandleUnavailable
from nova_accel.ledger import left_behind
from nova_accel.ledger.age import Age
from nova_accel.ledger.claimable import refuse_unless_claimable, who_has
from nova_accel.ledger.cleanings import Cleanings
from nova_accel.ledger.entry import DRAINED_BEFORE, QUARANTINED, Entry
from nova_accel.ledger.file import LedgerFile
from nova_accel.ledger.left_behind import LeftBehind
from nova_accel.ledger.operator import OperatorsPart
from nova_accel.ledger.rows import ENTRIES, apply, entry, find, insert, note_clean, release, required
from nova_accel.ledger.sightings import Sightings
from nova_accel.ledger.states import Event, State
from nova_accel.model import HandleId


class Ledger:
    """The ledger in one file. Safe to use from several threads and processes."""

    def __init__(self, path: str, *, open_now: bool = True, read_only: bool = False) -> None:
        """Open the ledger, and make it when there is none.

        :param open_now: False leaves that to the first use; every use raises the same error while it is not possible
        :param read_only: it lies where nobody can write, so it is only read, and as it is
        :raises nova_accel.exception.LedgerError: when that is not possible
        """
        self.path = path
        self._file = LedgerFile(path, read_only=read_only)
        self.sightings = Sightings(self._file)
        self.operator = OperatorsPart(self._file)
        self.left_behind = LeftBehind(self._file)
        self.cleanings = Cleanings(self._file)
        self.age = Age(self._file)
        if open_now:
            self._file.make_ready()

    @property
    def revision(self) -> int:
        """Changes whenever this process has written anything."""
        return self._file.revision

    @property
    def begun(self) -> int:
        """How often this process has begun an empty ledger, because there was none."""
        return self._file.begun

    def entries(self) -> dict[HandleId, Entry]:
        """Every handle that was ever offered."""
        with self._file.connection() as connection:
            rows = connection.execute(ENTRIES).fetchall()
            return {one.handle: one for one in map(entry, rows)}

    def of_server(self, server: str) -> tuple[Entry, ...]:
        """The handles that a server has, or had and has not released yet."""
        return tuple(e for e in self.entries().values() if e.server == server and e.state is State.ASSIGNED)

    def add(self, handle: HandleId, provider: str, reason: str) -> None:
        """Note a handle that was never offered before, as dirty; one that is known stays as it is."""
        with self._file.transaction() as connection:
            insert(connection, handle, provider, reason)

    def move(self, handle: HandleId, provider: str) -> None:
        """Note that a handle which no server has is of another resource class or provider now: its label was changed."""
        with self._file.transaction() as connection:
            known = find(connection, handle.identity)
            if known is not None and known.state is not State.ASSIGNED:
                connection.execute(
                    "UPDATE handle SET resource_class = ?, provider = ? WHERE identity = ?",
                    (handle.resource_class, provider, handle.identity),
                )

    def adopt(self, handle: HandleId, provider: str, server: str) -> None:
        """Note that a server has a handle, as Nova says, which this ledger did not know: it was lost, or is an older copy.

        :raises HandleUnavailable: when another server has it, or it is being cleaned after one
        :raises HandleRefused: when it is of another resource class by this ledger
        """
        with self._file.transaction() as connection:
            known = find(connection, handle.identity)
            if known is None:
                insert(connection, handle, provider, "")
            elif known.may_be_erased or (known.state is State.ASSIGNED and known.server != server):
                raise HandleUnavailable(handle.identity, server, who_has(known))
            adopted = known is None or known.state is not State.ASSIGNED
            if adopted:
                apply(connection, handle, Event.ADOPT, server=server, released=None)
                left_behind.has_again(connection, handle, server)
            count = self.age.count(connection, int(adopted))
        self.age.remember(count)

    def hand_on(self, handle: HandleId, server: str, owner: str) -> None:
        """Note that another server has what this ledger gave to one that is gone: it is older than that; nothing is released by it."""
        with self._file.transaction() as connection:
            known = required(connection, handle)
            is_meant = known.state is State.ASSIGNED and known.server == server
            if is_meant:
                apply(connection, handle, Event.RELEASE, server=None, released=None)
                apply(connection, handle, Event.ADOPT, server=owner, released=None)
                left_behind.handed_on(connection, handle, owner)
            count = self.age.count(connection, int(is_meant))
        self.age.remember(count)

    def claim(self, handles: Sequence[HandleId], server: str) -> tuple[HandleId, ...]:
        """Give handles to a server, all or none. From now on they count as used.

        :returns: those that the server did not have before
        :raises HandleUnavailable: when one is not available and not this server's
        :raises nova_accel.exception.LedgerError: also when this turns out to be an older copy of the ledger
        """
        with self._file.transaction() as connection:
            entries = [refuse_unless_claimable(connection, handle, server) for handle in handles]
            fresh = tuple(one.handle for one in entries if one.state is not State.ASSIGNED)
            for handle in fresh:
                apply(connection, handle, Event.CLAIM, server=server, released=None)
                left_behind.has_again(connection, handle, server)
            count = self.age.count(connection, len(fresh))
        self.age.remember(count)
        return fresh

    def refuse_unless_claimable(self, handles: Sequence[HandleId], server: str) -> None:
        """Say what :meth:`claim` would say now; nothing is written.

        :raises HandleUnavailable: when one is not available and not this server's
        """
        with self._file.connection() as connection:
            for handle in handles:
                refuse_unless_claimable(connection, handle, server)

    def give_back(self, handles: Iterable[HandleId], server: str, doubts: Mapping[HandleId, str] | None = None) -> None:
        """Undo a claim whose handles never reached a guest.

        :param doubts: why nothing is proven any more about some of them
        """
        with self._file.transaction() as connection:
            for handle in handles:
                if required(connection, handle).server != server:
                    continue
                apply(connection, handle, Event.GIVE_BACK, server=None, released=None)
                if doubts and handle in doubts:
                    apply(connection, handle, Event.HOST_USED_IT, server=None, released=None, reason=doubts[handle])

    def release(self, server: str, evidence: str, but: Container[HandleId] = ()) -> tuple[HandleId, ...]:
        """Note that a server is done with all it had: the content may be erased.

        :param evidence: how that is known, for the record
        :param but: what it may be the wrong server to speak for
        :returns: the handles, now dirty
        """
        with self._file.transaction() as connection:
            rows = connection.execute(
                ENTRIES + " WHERE server = ? AND state = ?", (server, State.ASSIGNED.value)
            ).fetchall()
            handles = tuple(handle for row in rows if (handle := entry(row).handle) not in but)
            for handle in handles:
                release(connection, handle, server, evidence)
        return handles

    def release_one(self, handle: HandleId, server: str, evidence: str) -> None:
        """Note that a server is done with one of its handles; nothing when it does not have it any more."""
        with self._file.transaction() as connection:
            known = required(connection, handle)
            if known.state is State.ASSIGNED and known.server == server:
                release(connection, handle, server, evidence)

    def found_zero(self, handle: HandleId) -> None:
        """Note that a dirty handle was read as a whole and holds nothing."""
        with self._file.transaction() as connection:
            apply(connection, handle, Event.FOUND_ZERO, server=None, released=None)
            connection.execute("UPDATE handle SET unproven = 0 WHERE identity = ?", (handle.identity,))
            note_clean(connection, handle, "read as a whole, all zero")

    def host_used_it(self, handle: HandleId, reason: str) -> None:
        """Note that nothing is proven any more about an available handle, because the host used it or it was away."""
        with self._file.transaction() as connection:
            apply(connection, handle, Event.HOST_USED_IT, server=None, released=None, reason=reason)

    def start_cleaning(self, handle: HandleId) -> None:
        """Note that a released handle is being erased from now on.

        :raises HandleRefused: when nobody released it
        """
        with self._file.transaction() as connection:
            known = required(connection, handle)
            if not known.may_be_erased:
                raise HandleRefused(handle.identity, "nobody released it, so it must not be erased")
            apply(connection, handle, Event.CLEAN, server=known.server, released=known.released, reason="being cleaned")
            connection.execute("UPDATE handle SET asked = NULL, retry_at = NULL WHERE identity = ?", (handle.identity,))

    def cleaned(self, handle: HandleId, how: str, *, unproven: bool = False) -> None:
        """Note that cleaning was verified.

        :param how: method and proof, for the operator
        :param unproven: whether nothing was done, because the operator wants it so
        """
        with self._file.transaction() as connection:
            apply(connection, handle, Event.CLEANED, server=None, released=None)
            note_clean(connection, handle, how)
            connection.execute("UPDATE handle SET unproven = ? WHERE identity = ?", (unproven, handle.identity))

    def cleaning_failed(self, handle: HandleId, reason: str, retry_at: str | None = None) -> None:
        """Note why a handle stays reserved.

        :param retry_at: when nova-compute tries again by itself; None when it does not
        """
        with self._file.transaction() as connection:
            known = required(connection, handle)
            apply(
                connection, handle, Event.CLEANING_FAILED, server=known.server, released=known.released, reason=reason
            )
            connection.execute(
                "UPDATE handle SET failures = failures + 1, retry_at = ?, done_by = NULL WHERE identity = ?",
                (retry_at, handle.identity),
            )

    def wiped(self, handle: HandleId, how: str) -> None:
        """Note that a handle was proven clean, and stays the server's that has it."""
        with self._file.transaction() as connection:
            note_clean(connection, handle, how)
            connection.execute("UPDATE handle SET reason = '' WHERE identity = ?", (handle.identity,))

    def wiping_failed(self, handle: HandleId, reason: str) -> None:
        """Note why a handle could not be cleaned for the server that has it and keeps it."""
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE handle SET failures = failures + 1, reason = ? WHERE identity = ?", (reason, handle.identity)
            )

    def quarantine(self, handle: HandleId, reason: str) -> None:
        """Note that a handle hangs or did not come back: drained until an operator undrains it.

        A wish to have it cleaned that came while it hung is forgotten; why an operator had drained it before is kept.
        """
        with self._file.transaction() as connection:
            former = required(connection, handle).drained_by_operator
            before = f"{DRAINED_BEFORE}{former}" if former is not None else ""
            connection.execute(
                "UPDATE handle SET drained = ?, asked = NULL, retry_at = NULL WHERE identity = ?",
                (f"{QUARANTINED}{reason}{before}", handle.identity),
            )

    def doubt_all(self, reason: str) -> int:
        """Take nothing for clean any more, and no release for evidence: what is with no server can only be read from now on.

        :returns: how many handles that concerns
        """
        with self._file.transaction() as connection:
            found = [entry(row) for row in connection.execute(ENTRIES).fetchall()]
            doubted = [one for one in found if one.state is State.AVAILABLE or one.may_be_erased]
            for one in doubted:
                event = Event.HOST_USED_IT if one.state is State.AVAILABLE else Event.DOUBT
                apply(connection, one.handle, event, server=None, released=None, reason=reason)
            connection.execute("UPDATE handle SET done_by = NULL, retry_at = NULL")
            left_behind.forget_all(connection)
        return len(doubted)

    def take_back_unproven(self) -> int:
        """Have erased what was offered with its content, because the operator does not want that any more.

        :returns: how many handles that were
        """
        found = [one for one in self.entries().values() if one.unproven and one.state is State.AVAILABLE]
        if found:
            with self._file.transaction() as connection:
                for one in found:
                    if required(connection, one.handle).state is State.AVAILABLE:
                        why = "its last server is gone, and it was not erased then: clean_methods was none"
                        apply(connection, one.handle, Event.HOST_USED_IT, server=None, released=why, reason=why)
        return len(found)

    def probe(self) -> None:
        """Read all that there is, which is a few hundred rows, and write something of no meaning.

        :raises nova_accel.exception.LedgerDamaged: when what is in it makes no sense
        :raises nova_accel.exception.LedgerError: when it cannot be used now: read-only, disk full, not ours
        """
        self._file.check()
        self.entries()
        self.sightings.all()
        self.left_behind.wishes()
        self.left_behind.released()
        self.cleanings.last()
        self.cleanings.under_way()
        with self._file.transaction(news=False) as connection:
            connection.execute("INSERT OR REPLACE INTO note (name, value) VALUES ('probe', abs(random() % 1000))")

    def set_aside(self) -> str:
        """Begin a new ledger because this one is damaged.

        :returns: what the damaged one is called now
        :raises nova_accel.exception.LedgerError: when it cannot be renamed
        """
        return str(self._file.set_aside())

    def explain(self, handle: HandleId, reason: str) -> None:
        """Note why a handle is not available; its state, and when it is tried again, stay as they are."""
        with self._file.transaction() as connection:
            connection.execute("UPDATE handle SET reason = ? WHERE identity = ?", (reason, handle.identity))

    def put_off(self, handle: HandleId, reason: str) -> None:
        """Answer an operator who wants a handle cleaned: it cannot be now; what was released is to be as soon as it can."""
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE handle SET reason = ?, retry_at = CASE WHEN released IS NULL THEN NULL ELSE asked END, asked = NULL"
                " WHERE identity = ?",
                (reason, handle.identity),
            )
