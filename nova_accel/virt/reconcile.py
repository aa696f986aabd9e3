"""Brings the ledger in line with what Nova gave away and libvirt runs: after it was lost, or an older copy was put back.

Only towards the safe side: what Nova says a server of this host has is noted as that server's, and what a server had here before
a move that has not come to its end. Nothing is released here.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from oslo_log import log as logging

from nova_accel.exception import AccelError, HandleRefused, HandleUnavailable
from nova_accel.facts import pci
from nova_accel.host import Host
from nova_accel.ledger.entry import Entry, Sighting
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId, PciAddress
from nova_accel.provider_tree import names
from nova_accel.virt.inventory import Inventory
from nova_accel.xml.alias import alias_for

LOG = logging.getLogger(__name__)

ClaimantsOf = Callable[[], Mapping[HandleId, Collection[str]]]

_SSD = "ssd"
_VFIO = "vfio-pci"


@dataclass(frozen=True)
class Placed:
    """A PCI device that stands in a domain's XML under an alias of ours."""

    server: str
    address: str
    alias: str
    running: bool


@dataclass(frozen=True)
class Moved:
    """What a server had here before a move that has not come to its end."""

    server: str
    handles: frozenset[HandleId]
    may_come_back: bool
    """Whether the server may still be sent back to them; not yet while it moves, nor once that has failed."""


@dataclass(frozen=True)
class Claims:
    """What Nova's database says is given to servers on this host."""

    idle: Mapping[str, Collection[HandleId]] = field(default_factory=dict)
    """What each server of this host has; of those only with which nothing is happening."""
    moved: Collection[Moved] = ()


class Reconciler:
    """Compares, and notes what the ledger lacks."""

    def __init__(self, host: Host, inventory: Inventory, ledger: Ledger) -> None:
        self._host = host
        self._inventory = inventory
        self._ledger = ledger
        self._told: set[tuple[HandleId, str, str]] = set()

    def reconcile(
        self, claims: Claims, placed: Callable[[], Collection[Placed]], claimants: ClaimantsOf = dict
    ) -> bool:
        """Note what Nova gave to servers on this host and the ledger does not know as theirs.

        :param placed: asked where something is missing: what stands in the XML of libvirt's domains
        :param claimants: asked where what is missing was left by a move: every server that Nova gives a handle to
        :returns: whether anything was noted
        """
        entries = self._ledger.entries()
        missing = [
            (handle, server)
            for server, handles in sorted(claims.idle.items())
            for handle in sorted(handles)
            if (entry := entries.get(handle)) is None or (entry.state, entry.server) != (State.ASSIGNED, server)
        ]
        missing += [one for one in _of_moves(entries, claims.moved, claimants) if one not in missing]
        if not missing:
            return False
        where = _by_alias(placed())
        noted = [
            self._note(handle, server, where.get((server, alias_for(handle.identity)))) for handle, server in missing
        ]
        return any(noted)

    def _note(self, handle: HandleId, server: str, placed: Placed | None) -> bool:
        candidate = self._inventory.candidate(handle)
        deployable = candidate.deployable if candidate else None
        known = self._ledger.entries().get(handle)
        if known is not None:
            provider = known.provider
        elif deployable is not None:
            provider = names.suffix(deployable.kind, deployable.identity)
        elif placed is not None:
            provider = names.suffix(_SSD, handle.identity)
        else:
            self._tell(handle, server, "it is not in this host, so nothing can be noted about it")
            return False
        try:
            self._ledger.adopt(handle, provider, server)
        except (HandleRefused, HandleUnavailable) as error:
            self._tell(handle, server, str(error))
            return False
        LOG.warning("Nova gave %s to server %s, and the ledger did not know it: noted as that server's", handle, server)
        if candidate is None and placed is not None:
            self._identify(handle, placed)
        return True

    def _identify(self, handle: HandleId, placed: Placed) -> None:
        """See to it that a device on vfio-pci, which shows no serial number there, is known again."""
        try:
            facts = pci.read(self._host.roots, PciAddress.parse(placed.address))
            if facts is None or facts.kernel_driver != _VFIO:
                return
            if placed.running:  # it has been that server's since it was checked at the guest's start
                seen = Sighting(placed.address, facts.incarnation, handle.identity, None, "in use", "a guest has it")
                self._ledger.sightings.add(seen)
            else:  # the XML may be older than what is in the slot now: let the kernel read it
                self._host.bring_back(placed.address)
        except AccelError as error:
            LOG.warning("%s at %s could not be told from another device: %s", handle, placed.address, error)

    def _tell(self, handle: HandleId, server: str, why: str) -> None:
        if (handle, server, why) not in self._told:
            self._told.add((handle, server, why))
            LOG.error("Nova gave %s to server %s, and the ledger does not: %s", handle, server, why)


def _of_moves(
    entries: Mapping[HandleId, Entry], moves: Collection[Moved], claimants: ClaimantsOf
) -> Iterator[tuple[HandleId, str]]:
    """What moves left here and the ledger lacks, where no other server may have it."""
    missing = [
        (handle, move.server)
        for move in moves
        for handle in sorted(move.handles)
        if _is_lacking(entries.get(handle), may_come_back=move.may_come_back)
    ]
    by_handle = claimants() if missing else {}
    for handle, server in missing:
        if set(by_handle.get(handle, ())) == {server}:
            yield handle, server


def _is_lacking(entry: Entry | None, *, may_come_back: bool) -> bool:
    if entry is None:
        return True
    if entry.state is State.AVAILABLE:
        # What a failed move left may have been cleaned since, on an operator's word.
        return may_come_back
    return entry.state is State.DIRTY and not entry.may_be_erased


def _by_alias(placed: Collection[Placed]) -> dict[tuple[str, str], Placed]:
    """By server and alias; of an address that several domains name nothing is believed."""
    addresses = [one.address for one in placed]
    return {(one.server, one.alias): one for one in placed if addresses.count(one.address) == 1}
