"""Finds out what servers keep although no allocation stands for it in Placement any more."""

import functools
from collections.abc import Callable, Collection

from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from nova_accel.provider_tree.apply import Leftover
from nova_accel.virt.plans import Plans


class Unbacked:
    """Nova gives back the allocation of a server whose rebuild failed, at whatever step, although the server keeps what it has.

    Asking Placement takes time. All that servers have is asked about once, because a rebuild may have failed before nova-compute
    started; after that only what was rebuilt since, and what was found so before.
    """

    def __init__(self, ledger: Ledger, plans: Plans, consumers: Callable[[Leftover], Collection[str]]) -> None:
        """Know of none yet.

        :param consumers: who has an allocation from it in Placement
        """
        self._ledger = ledger
        self._plans = plans
        self._consumers = consumers
        self._has_asked = False
        self._rebuilt: set[str] = set()
        self._found: frozenset[HandleId] = frozenset()

    def note_rebuild(self, server: str) -> None:
        """Take notice that a server is being rebuilt, which may fail long after its devices were erased."""
        self._rebuilt.add(server)

    def ask(self) -> bool:
        """Ask Placement.

        :returns: whether the plans have changed by that
        """
        if not self._plans.are_known:  # nor are the providers then
            return False
        given = [one for one in self._ledger.entries().values() if one.state is State.ASSIGNED]
        doubtful = [one for one in given if self._is_doubtful(one)]
        consumers = functools.cache(lambda place: frozenset(self._consumers(place)))
        unbacked = frozenset(one.handle for one in doubtful if not self._is_allocated(one, given, consumers))
        self._has_asked = True
        for server in self._rebuilt - {one.server for one in given}:
            self._rebuilt.discard(server)
        self._found = unbacked | {one.handle for one in given if one.handle in self._found}
        changed, self._plans.unbacked = unbacked != self._plans.unbacked, unbacked
        return changed

    def _is_doubtful(self, entry: Entry) -> bool:
        return not self._has_asked or entry.server in self._rebuilt or entry.handle in self._found

    def _is_allocated(
        self, entry: Entry, given: Collection[Entry], consumers: Callable[[Leftover], frozenset[str]]
    ) -> bool:
        """Whether there is an allocation that may stand for it: its server's, or one of a migration; not another server's."""
        of = entry.provider, entry.handle.resource_class
        beside = {one.server for one in given if (one.provider, one.handle.resource_class) == of} - {entry.server}
        providers = self._plans.providers_of(entry).values()
        return any(consumers(Leftover(uuid, entry.handle.resource_class)) - beside for uuid in providers)
