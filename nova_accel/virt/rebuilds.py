"""Rebuilds of servers, which keep their devices through them."""

from collections.abc import Collection

from nova_accel.exception import HandleUnavailable
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from nova_accel.virt.release import Releaser
from nova_accel.virt.unbacked import Unbacked

_OTHERS_ERASE = "[nova_accel] one_time_use is set, so nova-compute erases nothing; on_rebuild = keep rebuilds with what is on its devices"


class Rebuilds:
    """Whether servers can be rebuilt on this host, and what is done with their devices then."""

    def __init__(
        self, ledger: Ledger, releaser: Releaser, unbacked: Unbacked, *, erases: bool, others_erase: bool
    ) -> None:
        """Touch nothing yet.

        :param erases: whether what a server has is erased before it starts again
        :param others_erase: whether nothing is erased by nova-compute
        """
        self._ledger = ledger
        self._releaser = releaser
        self._unbacked = unbacked
        self._erases = erases
        self._others_erase = others_erase

    def note(self, server: str) -> None:
        """Take notice that a server is being rebuilt: Nova gives its allocation back if that fails, however early."""
        self._unbacked.note_rebuild(server)

    def why_not(self) -> str:
        """Why a server that has devices of this host cannot be rebuilt on it; empty when it can."""
        return _OTHERS_ERASE if self._erases and self._others_erase else ""

    def refuse_if_impossible(self, has: Collection[HandleId], server: str) -> None:
        """Let no server be rebuilt whose devices would have to be erased by others.

        :raises HandleUnavailable: with the reason
        """
        if has and (why := self.why_not()):
            raise HandleUnavailable(next(iter(has)).identity, server, why)

    def erase(self, handles: Collection[HandleId], server: str) -> None:
        """Erase what a server has and keeps; nothing where the operator wants it kept, or nothing ever erased.

        :raises nova_accel.exception.AccelError: when one could not be proven clean
        """
        self.note(server)
        if not handles or not self._erases:
            return
        entries = self._ledger.entries()
        # What it gets only now, on another host than before, is clean.
        had = [
            one
            for one in handles
            if one in entries and entries[one].server == server and entries[one].state is State.ASSIGNED
        ]
        self.refuse_if_impossible(had, server)
        self._releaser.wipe(had, server)
