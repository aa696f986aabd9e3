"""What is known before a look begins."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from nova_accel.ledger.entry import Entry, Sighting
from nova_accel.ledger.states import State
from nova_accel.model import HandleId, PciRecord
from nova_accel.parsers.ndctl import NamespaceRecord

BOUND_BY_ANOTHER = "bound to vfio-pci by"
"""The detail of a sighting that tells of such a device."""

_OURS_ON_VFIO = (State.ASSIGNED, State.DIRTY, State.CLEANING, State.CLEAN_FAILED)


def _nobody(_: object) -> str:
    return ""


@dataclass(frozen=True)
class Others:
    """Who else on this host may have, or give away, a device."""

    domains: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Uuids of libvirt's domains by what they have: a PCI address, or a path such as ``/dev/dax0.1``, ``/dev/nvme0n1p1``.
    A PMEM namespace is named by its stable path too, which need not lead to it now."""
    unknown: str = ""
    """Why libvirt could not be asked."""
    owner_of_pci: Callable[[PciRecord], str] = _nobody
    """The option of Nova that gives a PCI function away, in words; empty where none does."""
    owner_of_namespace: Callable[[NamespaceRecord], str] = _nobody


@dataclass(frozen=True)
class Memory:
    """What the ledger holds when a look begins."""

    sightings: Mapping[str, Sighting]
    entries: Mapping[HandleId, Entry]
    others: Others = field(default_factory=Others)

    def identity(self, address: str, incarnation: str) -> str | None:
        """The identity seen at an address during the presence of the device that is there now."""
        seen = self.sightings.get(address)
        return seen.identity if seen is not None and seen.incarnation == incarnation else None

    def is_ours_on_vfio(self, identity: str | None, address: str, incarnation: str) -> bool:
        """Whether a device, if it is bound to vfio-pci, is so because of us.

        One that was found bound so while nobody had it from us is another's, until it is erased for good reasons or a server has it.
        """
        entry = self.by_identity().get(identity or "")
        if entry is None or not (entry.state in _OURS_ON_VFIO or entry.unproven):
            return False
        seen = self.sightings.get(address)
        was_anothers = seen is not None and seen.incarnation == incarnation and f'"{BOUND_BY_ANOTHER}"' in seen.details
        return not was_anothers or entry.state is State.ASSIGNED or entry.may_be_erased

    def by_identity(self) -> dict[str, Entry]:
        """What the ledger knows, by identity alone."""
        return {handle.identity: entry for handle, entry in self.entries.items()}

    def kept_class(self, identity: str | None) -> str | None:
        """The resource class that a handle has to keep, whatever the configuration says now.

        Because a server has it, or because it still has to be cleaned after one: what nobody takes would not be.
        """
        for handle, entry in self.entries.items():
            kept = entry.state is State.ASSIGNED or entry.may_be_erased
            if handle.identity == identity and kept:
                return handle.resource_class
        return None


def is_about_to_be_offered(entry: Entry | None) -> bool:
    """Whether a device that seems eligible is offered next, or read for the first time."""
    return entry is None or entry.state is State.AVAILABLE


def strangers(others: Others, places: Iterable[str], entry: Entry | None) -> tuple[str, ...]:
    """The domains that have a device which we gave to another server, or to none.

    :param places: what may name the device; a partition of it counts as well
    """
    patterns = [re.compile(rf"{re.escape(place)}(p\d+)?") for place in places]
    found = [uuids for place, uuids in others.domains.items() if any(one.fullmatch(place) for one in patterns)]
    server = entry.server if entry is not None else None
    return tuple(sorted(frozenset[str]().union(*found) - {server}))
