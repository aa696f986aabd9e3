"""Notices what nobody will give back in Placement, such as what a migration has whose server was deleted in the middle of it."""

import time
from collections.abc import Callable, Mapping

from oslo_log import log as logging

from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.provider_tree import names
from nova_accel.provider_tree.apply import Leftover
from nova_accel.virt.nova_side import NovaSide
from nova_accel.virt.plans import Plans

LOG = logging.getLogger(__name__)

_EVERY_S = 600.0
_TIMES = 2  # A server has its allocation a moment before Nova's database has the server.


class Forgotten:
    """Says once of each consumer that it has an allocation of available devices, and that neither a server nor a move stands for it."""

    def __init__(
        self, ledger: Ledger, plans: Plans, nova: NovaSide, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._plans = plans
        self._nova = nova
        self._clock = clock
        self._next = clock()
        self._times: dict[str, int] = {}
        """How often each consumer was found so, one look after the other."""

    def look(self) -> None:
        """Ask Placement and Nova's database, if that was not done of late, and log what was found twice.

        :raises Exception: what Nova's side raises when one of them cannot be asked
        """
        if self._clock() < self._next:
            return
        places = self._available()
        if places:  # None are known until Nova has asked for the first plan.
            self._next = self._clock() + _EVERY_S
        found: dict[str, set[str]] = {}
        for place, provider in places.items():
            for consumer in self._nova.consumers(place):
                found.setdefault(consumer, set()).add(f"{place.resource_class} of {provider}")
        why = {consumer: said for consumer in found if (said := self._nova.forgotten(consumer))}
        self._times = {consumer: self._times.get(consumer, 0) + 1 for consumer in why}
        for consumer in sorted(why):
            if self._times[consumer] == _TIMES:
                LOG.warning(
                    "Placement has %s as taken by %s, %s. Nothing of it will be offered until somebody says:"
                    " openstack resource provider allocation delete %s",
                    " and ".join(sorted(found[consumer])),
                    consumer,
                    why[consumer],
                    consumer,
                )

    def _available(self) -> Mapping[Leftover, str]:
        """What is available, with the name of its provider."""
        entries = [one for one in self._ledger.entries().values() if one.state is State.AVAILABLE]
        return {
            Leftover(uuid, one.handle.resource_class): names.provider(node, one.provider)
            for one in entries
            for node, uuid in self._plans.providers_of(one).items()
        }
