"""Finds out when what has vanished from the host may vanish from Placement too."""

from collections.abc import Callable, Collection

from oslo_log import log as logging

from nova_accel.provider_tree.apply import Leftover

LOG = logging.getLogger(__name__)


class Leftovers:
    """What is still in Nova's tree without a device behind it, all of it reserved.

    Asking Placement takes time, so it is never done while Nova updates its tree: :meth:`note` is told there what is left, the
    background asks by :meth:`ask`, and the next update takes away what is in :attr:`unused`.
    """

    def __init__(self, consumers: Callable[[Leftover], Collection[str]]) -> None:
        """Know of none yet.

        :param consumers: who has an allocation from it in Placement
        """
        self._consumers = consumers
        self._there: dict[str, frozenset[Leftover]] = {}
        self.unused: frozenset[Leftover] = frozenset()

    def note(self, node: str, leftovers: frozenset[Leftover]) -> None:
        """Take notice of what an update of a node's providers has left."""
        self._there[node] = leftovers
        self.unused &= frozenset[Leftover]().union(*self._there.values())

    def ask(self) -> bool:
        """Ask Placement about each.

        :returns: whether any turned out to be unused that was not known to be
        """
        there = frozenset[Leftover]().union(*self._there.values())
        unused = frozenset(one for one in there if not self._consumers(one))
        found = unused - self.unused
        self.unused = unused
        for one in sorted(found):
            LOG.info(
                "Nothing uses %s of provider %s any more and its device is gone", one.resource_class, one.provider_uuid
            )
        return bool(found)
