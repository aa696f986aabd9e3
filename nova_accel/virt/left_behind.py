"""Carries out what an operator says of servers that left something here, if at that moment nothing of Nova's or libvirt's is against it."""

from collections.abc import Callable, Collection

from oslo_log import log as logging

from nova_accel.discovery.candidate import Candidate
from nova_accel.ledger.left_behind import Wish
from nova_accel.ledger.store import Ledger
from nova_accel.virt.evidence import why_not_left
from nova_accel.virt.inventory import Inventory
from nova_accel.virt.nova_side import NovaSide
from nova_accel.virt.reconcile import ClaimantsOf

LOG = logging.getLogger(__name__)

_EVIDENCE = "an operator said that it left this behind, and neither Nova nor a domain here gives it to any server"
_NOT_HERE = "it is not in this host, or cannot be told from another device"


class OperatorsWord:
    """Releases what a server left behind, or says why it does not."""

    def __init__(
        self,
        inventory: Inventory,
        ledger: Ledger,
        place: Callable[[Candidate], str],
        nova: NovaSide,
        claimants: ClaimantsOf,
    ) -> None:
        """Answer nothing yet.

        :param place: what names a device in a domain's XML
        :param claimants: which servers Nova's database gives what this host has to, but for what they left for good
        """
        self._claimants = claimants
        self._inventory = inventory
        self._ledger = ledger
        self._place = place
        self._nova = nova

    def heed(self) -> bool:
        """Answer everything that was asked.

        :returns: whether anything was released
        :raises Exception: what Nova's and libvirt's layers raise when they cannot be asked: it is asked for still
        """
        answers = [self._answer(wish) for wish in self._ledger.left_behind.wishes()]
        return any(answers)

    def _answer(self, wish: Wish) -> bool:
        why = self._why_not(wish)
        if why is not None:
            self._ledger.left_behind.refuse(wish, f"not cleaned, although an operator asked for it: {why}")
            LOG.warning(
                "%s stays reserved for server %s, although an operator asked: %s", wish.handle, wish.server, why
            )
            return False
        self._ledger.left_behind.grant(wish, _EVIDENCE)
        LOG.warning("%s is released by server %s: %s", wish.handle, wish.server, _EVIDENCE)
        return True

    def _why_not(self, wish: Wish) -> str | None:
        candidate = self._inventory.candidate(wish.handle)
        if candidate is None or candidate.handle is None:
            return _NOT_HERE
        facts = self._nova.facts(wish.server)
        why = why_not_left(self._nova.host, wish.handle, facts, purged=wish.purged) or self._who_else(wish)
        if why is not None:
            return why
        place = self._place(candidate)
        is_away = facts is None or facts.deleted or facts.host != self._nova.host
        left = {wish.server} & {*self._nova.stopped()} if is_away else set()
        why = self._whose_domain(place, but=left)
        if why is None and left:
            LOG.warning("Server %s has left its domain here, which does not run: taken away", wish.server)
            self._nova.undefine(wish.server)  # somebody could start it
            why = self._whose_domain(place)
        return why

    def _who_else(self, wish: Wish) -> str | None:
        others = sorted({*self._claimants().get(wish.handle, ())} - {wish.server})
        return f"Nova gives it to server {', '.join(others)}" if others else None

    def _whose_domain(self, place: str, but: Collection[str] = ()) -> str | None:
        having = sorted(uuid for uuid, places in self._nova.domains().items() if place in places and uuid not in but)
        return f"the domain of server {', '.join(having)} on this host has it" if having else None
