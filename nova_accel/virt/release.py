"""Decides when a server is done with its handles, and which handles are to be cleaned then.

Erasing needs evidence: Nova is deleting the server, or its database says that it was deleted and no guest of it is left here. That
something is absent is no evidence; without one the handles stay reserved with their data.
"""

from collections.abc import Callable, Collection

from oslo_log import log as logging

from nova_accel.cleaning.cleaner import Cleaner
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from nova_accel.virt.inventory import Inventory

LOG = logging.getLogger(__name__)


class Releaser:
    """Releases handles, says what is to be cleaned, and cleans one."""

    def __init__(self, inventory: Inventory, ledger: Ledger, cleaner: Cleaner) -> None:
        self._inventory = inventory
        self._ledger = ledger
        self._cleaner = cleaner

    def release(self, server: str, evidence: str) -> tuple[HandleId, ...]:
        """Note that a server is done with all it has on this host.

        :returns: what it had, to be cleaned now
        """
        handles = self._ledger.release(server, evidence)
        for handle in handles:
            LOG.info("%s is released by server %s: %s", handle, server, evidence)
        return handles

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

    def due(self) -> list[HandleId]:
        """What was released and is not clean yet, or was never offered before: to be cleaned, or read, where that was not tried."""
        return [handle for handle, entry in sorted(self._ledger.entries().items()) if self._cleaner.is_due(entry)]

    def settle(self, handle: HandleId) -> bool:
        """Clean a handle that was released; read one that was never offered before.

        :returns: whether it became available
        """
        entry = self._ledger.entries().get(handle)
        candidate = self._inventory.candidate(handle)
        if entry is None or not self._cleaner.is_due(entry):
            return False
        if candidate is None or candidate.handle is None or not self._inventory.is_still_there(candidate):
            self._ledger.explain(handle, "is not in this host, or not where it was; cleaned once it is found again")
            return False
        if entry.may_be_erased:
            return self._cleaner.clean(candidate.handle)
        return candidate.verdict.eligible and self._cleaner.prove(candidate.handle)
