"""Keeps the last look at the host, and brings the ledger in line with it."""

import threading
from collections.abc import Sequence

from oslo_log import log as logging

from nova_accel import discovery
from nova_accel.discovery import Candidate, Memory, Snapshot
from nova_accel.drivers.base import Driver
from nova_accel.facts import pci
from nova_accel.host import Host
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from nova_accel.provider_tree import names

LOG = logging.getLogger(__name__)

_NEVER_OFFERED = "was never offered before, so nothing is known about its content"
_WAS_AWAY = "was taken out and put back, so nothing is known about its content"


class Inventory:
    """What this host has. Reading it costs nothing; :meth:`refresh` looks again."""

    def __init__(self, host: Host, drivers: Sequence[Driver], ledger: Ledger) -> None:
        self._host = host
        self._drivers = drivers
        self._ledger = ledger
        self._warned: set[str] = set()
        self.snapshot = Snapshot()
        self.devices_lock = threading.Lock()
        """Held while a look opens devices, and while one is handed to a guest: neither must mistake the other for the host."""

    def refresh(self) -> bool:
        """Look at the host and note what is new.

        :returns: whether anything differs from the look before
        :raises nova_accel.exception.AccelError: when the look was not possible; what was known stays
        """
        with self.devices_lock:
            memory = Memory(self._ledger.sightings(), self._ledger.entries())
            snapshot = discovery.look(self._host, self._drivers, memory)
            for candidate in snapshot.by_handle().values():
                self._note(candidate, memory)
            self._ledger.replace_sightings(candidate.sighting for candidate in snapshot.candidates)
        self._tell(snapshot)
        changed = snapshot != self.snapshot
        self.snapshot = snapshot
        return changed

    def candidate(self, handle: HandleId) -> Candidate | None:
        """The controller that had this handle when last looked."""
        return self.snapshot.by_handle().get(handle)

    def is_still_there(self, candidate: Candidate) -> bool:
        """Whether the device has stayed in its place since it was looked at: neither taken out nor exchanged."""
        facts = pci.read(self._host.roots, candidate.function.record.address)
        return facts is not None and facts.incarnation == candidate.function.incarnation

    def _note(self, candidate: Candidate, memory: Memory) -> None:
        assert candidate.device is not None
        for part in candidate.device.deployables:
            for handle in part.handles:
                entry = memory.entries.get(handle.id)
                if entry is None:
                    if candidate.verdict.eligible:
                        self._ledger.add(handle.id, names.suffix(part.kind, part.identity), _NEVER_OFFERED)
                elif entry.state is State.AVAILABLE:
                    doubt = _doubt(candidate, memory)
                    if doubt:
                        self._ledger.host_used_it(handle.id, doubt)

    def _tell(self, snapshot: Snapshot) -> None:
        for warning in set(snapshot.warnings) - self._warned:
            LOG.warning("%s", warning)
        self._warned = set(snapshot.warnings)
        before = {str(c.function.record.address): c.sighting for c in self.snapshot.candidates}
        for candidate in snapshot.candidates:
            sighting = candidate.sighting
            if before.pop(sighting.address, None) != sighting:
                LOG.info(
                    "NVMe SSD %s (serial %s): %s: %s",
                    sighting.address,
                    sighting.serial or "unknown",
                    sighting.reason,
                    sighting.sentence,
                )
        for gone in before.values():
            LOG.warning("NVMe SSD %s (serial %s) is gone", gone.address, gone.serial or "unknown")


def _doubt(candidate: Candidate, memory: Memory) -> str:
    """Why an available handle can no longer be taken for clean; empty when it can."""
    if candidate.verdict.reason.host_uses_it:
        return candidate.verdict.sentence
    before = {seen.serial: seen.incarnation for seen in memory.sightings.values()}.get(candidate.function.serial)
    now = candidate.function.incarnation
    # A reboot of the host changes every incarnation; what changes within one boot is a device that was out of its slot.
    if before is None or (before != now and before.partition(":")[0] == now.partition(":")[0]):
        return _WAS_AWAY
    return ""
