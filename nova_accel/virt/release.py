"""Decides when a server is done with its handles, and has them cleaned then.

Erasing needs evidence: Nova is deleting the server, or its database says that it was deleted and no guest of it is left here. That
something is absent is no evidence; without one the handles stay reserved with their data.
"""

from collections.abc import Callable, Collection

from oslo_log import log as logging

from nova_accel.cleaning.cleaner import Cleaner
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.virt.inventory import Inventory

LOG = logging.getLogger(__name__)


class Releaser:
    """Releases handles, and cleans what is released or was never proven clean."""

    def __init__(self, inventory: Inventory, ledger: Ledger, cleaner: Cleaner) -> None:
        self._inventory = inventory
        self._ledger = ledger
        self._cleaner = cleaner

    def release(self, server: str, evidence: str) -> bool:
        """Note that a server is done with all it has on this host, and clean it.

        :returns: whether it had anything
        """
        handles = self._ledger.release(server, evidence)
        for handle in handles:
            LOG.info("%s is released by server %s: %s", handle, server, evidence)
            self._settle(self._ledger.entries()[handle])
        return bool(handles)

    def release_deleted(self, guests: Collection[str], is_deleted: Callable[[str], bool]) -> bool:
        """Release what servers have that are deleted, which nobody told us: deleted elsewhere, or while nova-compute was away.

        :param guests: uuids of the domains that libvirt knows here; a server among them keeps its handles
        :param is_deleted: whether Nova's database says that a server was deleted
        :returns: whether there was any
        """
        servers = {
            e.server for e in self._ledger.entries().values() if e.state is State.ASSIGNED and e.server is not None
        }
        deleted = [server for server in sorted(servers - set(guests)) if is_deleted(server)]
        for server in deleted:
            self.release(server, "Nova's database says that it was deleted, and it has no domain here")
        return bool(deleted)

    def settle(self) -> bool:
        """Clean what was released and is not clean yet; read what was never offered before.

        :returns: whether anything became available
        """
        entries = [e for e in self._ledger.entries().values() if e.state not in (State.AVAILABLE, State.ASSIGNED)]
        became_available = [self._settle(entry) for entry in entries]
        return any(became_available)

    def _settle(self, entry: Entry) -> bool:
        candidate = self._inventory.candidate(entry.handle)
        if candidate is None or not self._inventory.is_still_there(candidate):
            self._ledger.explain(
                entry.handle, "is not in this host, or not where it was; cleaned once it is found again"
            )
            return False
        assert candidate.handle is not None
        if entry.may_be_erased:
            return self._cleaner.clean(candidate.handle)
        return candidate.verdict.eligible and self._cleaner.prove(candidate.handle)
