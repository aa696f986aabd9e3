"""Keeps the last look at the host, and brings the ledger in line with it."""

import threading
from collections.abc import Callable, Sequence

from oslo_log import log as logging

from nova_accel.discovery import unseen
from nova_accel.discovery.candidate import Candidate, Snapshot
from nova_accel.discovery.look import look, sorts
from nova_accel.discovery.memory import Memory, Others
from nova_accel.drivers.base import Driver
from nova_accel.eligibility.verdict import Reason
from nova_accel.facts import pci, pmem
from nova_accel.host import Host
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId, HandleKind, PciAddress
from nova_accel.privsep.reading import UNREADABLE
from nova_accel.provider_tree import names
from nova_accel.virt import links

LOG = logging.getLogger(__name__)

_NEVER_OFFERED = "was never offered before, so nothing is known about its content"
_WAS_LET_GO = "was out of our hands meanwhile ({}), so nothing is known about its content"
_WAS_AWAY = "was taken out, disabled or exchanged meanwhile, so nothing is known about its content"


class Inventory:
    """What this host has. Reading it costs nothing; :meth:`refresh` looks again."""

    def __init__(
        self,
        host: Host,
        drivers: Sequence[Driver],
        ledger: Ledger,
        others: Callable[[], Others] = Others,
        wear_limit_percent: int = 100,
    ) -> None:
        """Look at nothing yet.

        :param others: who else may have a device, asked at every look
        :param wear_limit_percent: how much of its life an SSD may have used
        """
        self._host = host
        self._drivers = drivers
        self._ledger = ledger
        self._others = others
        self._wear_limit_percent = wear_limit_percent
        self._warned: set[str] = set()
        self.snapshot = Snapshot()
        self.has_looked = False
        """Whether a look has ever come to its end: before, nothing can be said to have vanished."""
        self.devices_lock = threading.Lock()
        """Held while a look opens devices, and while one is handed to a guest: neither must mistake the other for the host."""

    def refresh(self) -> bool:
        """Look at the host and note what is new.

        :returns: whether anything differs from the look before
        :raises nova_accel.exception.AccelError: when the ledger cannot be used; what was known stays
        """
        with self.devices_lock:
            memory = Memory(self._ledger.sightings.all(), self._ledger.entries(), self._others())
            snapshot = look(self._host, self._drivers, memory, self.snapshot, self._wear_limit_percent)
            snapshot += Snapshot(warnings=links.mend(self._host, memory.entries.values(), snapshot))
            for candidate in snapshot.by_handle().values():
                self._note(candidate, memory)
            self._doubt(snapshot, memory)
            kept = unseen.sightings(self._host.roots, memory, snapshot.candidates)
            self._ledger.sightings.replace([*(one.sighting for one in snapshot.candidates), *kept])
            self._tell(snapshot)
            # Before the next look may begin: an older one must not take its place.
            changed = snapshot != self.snapshot
            self.snapshot = snapshot
            self.has_looked = True
        return changed

    @property
    def sees_everything(self) -> bool:
        """Whether the last look reached every sort of device that a driver is enabled for."""
        return self.snapshot.seen >= sorts(self._drivers)

    def candidate(self, handle: HandleId) -> Candidate | None:
        """The device that had this handle when last looked."""
        return self.snapshot.by_handle().get(handle)

    def device(self, handle: HandleId) -> str:
        """Names the hardware that a handle is part of: an SSD, or the region of persistent memory that it shares with others."""
        entry = self._ledger.entries().get(handle)
        return entry.provider if entry is not None else str(handle)

    def present(self, handle: HandleId) -> Candidate | None:
        """The device that has this handle, if it has stayed in its place since it was looked at: neither taken out nor exchanged."""
        candidate = self.candidate(handle)
        if candidate is None or candidate.handle is None or not self._is_still_there(candidate):
            return None
        return candidate

    def _is_still_there(self, candidate: Candidate) -> bool:
        handle = candidate.handle
        if handle is not None and handle.kind is HandleKind.NVDIMM:
            chardev = candidate.details.get("dax_device")
            return pmem.incarnation(self._host.roots, candidate.address, chardev) == candidate.incarnation
        facts = pci.read(self._host.roots, PciAddress.parse(candidate.address))
        return facts is not None and facts.incarnation == candidate.incarnation

    def _note(self, candidate: Candidate, memory: Memory) -> None:
        if candidate.handle is None or candidate.deployable is None:
            return
        handle = candidate.handle.id
        provider = names.suffix(candidate.deployable.kind, candidate.deployable.identity)
        entry = memory.by_identity().get(handle.identity)
        if entry is None:
            if candidate.verdict.eligible:
                self._ledger.add(handle, provider, _NEVER_OFFERED)
            return
        if (entry.handle, entry.provider) != (handle, provider) and entry.state is not State.ASSIGNED:
            self._ledger.move(handle, provider)

    def _doubt(self, snapshot: Snapshot, memory: Memory) -> None:
        """Take nothing for clean any more that left our hands; by identity, because what no driver takes has no handle."""
        doubts = self._doubts(snapshot, memory)
        entries = self._ledger.entries().values() if doubts else ()
        for entry in entries:
            doubt = doubts.get(entry.handle.identity)
            if doubt is not None and entry.state is State.AVAILABLE:
                self._ledger.host_used_it(entry.handle, doubt)
                LOG.warning("%s is no longer taken for clean: %s", entry.handle, doubt)

    def _doubts(self, snapshot: Snapshot, memory: Memory) -> dict[str, str]:
        """Why nothing is proven any more about what was available as the look began, by identity."""
        # What a look before saw, and a failing tool keeps, was doubted then; it may have been cleaned since.
        kept = {id(one) for one in self.snapshot.candidates}
        known = memory.by_identity()
        doubts: dict[str, str] = {}
        for candidate in snapshot.candidates:
            entry = known.get(candidate.identity or "")
            if entry is not None and entry.state is State.AVAILABLE and id(candidate) not in kept:
                doubts.setdefault(entry.handle.identity, _why_not_clean(candidate, memory))
        return {identity: doubt for identity, doubt in doubts.items() if doubt}

    def _tell(self, snapshot: Snapshot) -> None:
        for warning in set(snapshot.warnings) - self._warned:
            LOG.warning("%s", warning)
        self._warned = set(snapshot.warnings)
        before = {one.address: one for one in self.snapshot.candidates}
        for candidate in snapshot.candidates:
            known = before.pop(candidate.address, None)
            if known is None or _told(known) != _told(candidate):
                LOG.info("%s: %s: %s", _named(candidate), candidate.verdict.reason.value, candidate.verdict.sentence)
        for gone in before.values():
            LOG.warning("%s is gone", _named(gone))


def _told(candidate: Candidate) -> tuple[str | None, str, object]:
    return candidate.identity, candidate.incarnation, candidate.verdict


def _named(candidate: Candidate) -> str:
    return f"{candidate.what} {candidate.address} ({candidate.identity or 'identity unknown'})"


def _why_not_clean(candidate: Candidate, memory: Memory) -> str:
    """Why an available handle can no longer be taken for clean; empty when it can."""
    verdict = candidate.verdict
    signatures = tuple(one for one in candidate.evidence.signatures if one != UNREADABLE)
    if verdict.reason is Reason.NOT_CHECKED:  # what could be seen all the same counts
        verdict = candidate.with_evidence(unchecked="", signatures=signatures).verdict
    if verdict.reason.host_uses_it:
        return verdict.sentence
    if verdict.reason.is_out_of_our_hands and not _may_just_come_up(candidate, verdict.reason, memory):
        return _WAS_LET_GO.format(verdict.reason.value)
    if signatures:
        return f"the host has put {', '.join(signatures)} on it"
    before = {seen.identity: seen.incarnation for seen in memory.sightings.values()}.get(candidate.identity)
    now = candidate.incarnation
    # A reboot of the host changes every incarnation; what changes within one boot is a device that was out of its slot.
    if before is None or (before != now and before.partition(":")[0] == now.partition(":")[0]):
        return _WAS_AWAY
    return ""


def _may_just_come_up(candidate: Candidate, reason: Reason, memory: Memory) -> bool:
    """Whether the kernel may not have come to an SSD's namespaces yet, as after a boot; nobody writes to one that has none."""
    before = memory.sightings.get(candidate.address)
    known = before is not None and (before.incarnation, before.reason) == (candidate.incarnation, reason.value)
    return reason is Reason.NO_NAMESPACE and not known
