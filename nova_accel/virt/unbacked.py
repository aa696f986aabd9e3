"""Finds out what servers keep although no allocation stands for it in Placement any more."""

from collections.abc import Callable, Collection

from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.provider_tree.apply import Leftover
from nova_accel.virt.plans import Plans


class Unbacked:
    """Nova gives back the allocation of a server whose rebuild failed, although the server keeps what it has."""

    def __init__(self, ledger: Ledger, plans: Plans, consumers: Callable[[Leftover], Collection[str]]) -> None:
        """Know of none yet.

        :param consumers: who has an allocation from it in Placement
        """
        self._ledger = ledger
        self._plans = plans
        self._consumers = consumers

    def ask(self) -> bool:
        """Ask Placement about each server's device that could not be erased for a rebuild.

        :returns: whether the plans have changed by that
        """
        entries = self._ledger.entries().values()
        failed = [one for one in entries if one.state is State.ASSIGNED and one.failures]
        unbacked = frozenset(one.handle for one in failed if not self._is_allocated(one))
        changed, self._plans.unbacked = unbacked != self._plans.unbacked, unbacked
        return changed

    def _is_allocated(self, entry: Entry) -> bool:
        providers = self._plans.providers_of(entry).values()
        return any(self._consumers(Leftover(uuid, entry.handle.resource_class)) for uuid in providers)
