"""Hands PCI devices to guests: bound to vfio-pci by us, ``managed='no'`` for libvirt."""

from nova_accel.discovery.candidate import Candidate
from nova_accel.exception import HandleUnavailable
from nova_accel.facts import pci
from nova_accel.host import Host
from nova_accel.ledger.store import Ledger
from nova_accel.model import PciAddress
from nova_accel.xml.alias import alias_for
from nova_accel.xml.hostdev import PciHostdev

_VFIO, _NVME = "vfio-pci", "nvme"


class PciAttacher:
    """See :class:`nova_accel.virt.attach.Attacher`."""

    def __init__(self, host: Host, ledger: Ledger) -> None:
        self._host = host
        self._ledger = ledger

    def place(self, candidate: Candidate) -> str:
        """Its PCI address."""
        return candidate.address

    def other_places(self, candidate: Candidate) -> tuple[str, ...]:
        """None: an address is the only name."""
        return ()

    def element(self, candidate: Candidate, server: str) -> PciHostdev:
        """``<hostdev managed='no'>``."""
        return PciHostdev(PciAddress.parse(candidate.address), alias=alias_for(_identity(candidate)))

    def take(self, candidate: Candidate, server: str, *, fresh: bool, running: bool) -> None:
        """Bind it to vfio-pci. Its serial number is read while the kernel still shows it."""
        identity, address = _identity(candidate), PciAddress.parse(candidate.address)
        before = pci.read(self._host.roots, address)
        if before is None:
            raise HandleUnavailable(identity, server, f"nothing is at {address} any more")
        if before.incarnation != candidate.incarnation:
            # Before it is bound: on vfio-pci nothing would say any more what it is.
            raise HandleUnavailable(
                identity,
                server,
                f"another device is at {address} now, or the same was put in again since the last look",
            )
        expected_empty = fresh and not self._is_unproven(candidate)
        if before.kernel_driver is None:
            # It was cut between the two drivers: only nvme can show what it is.
            self._host.bring_back(candidate.address, identity)
        if before.kernel_driver != _VFIO:
            if expected_empty:
                self._refuse_if_written_on(candidate, server)
            self._host.hand_over(candidate.address, identity)
        elif expected_empty:
            raise HandleUnavailable(identity, server, f"{address} is bound to vfio-pci, and not by nova_accel")
        self._check_bound(identity, server, address, before.incarnation)

    def undo(self, candidate: Candidate) -> None:
        """Give it back to the kernel's nvme driver."""
        if not self._is_unproven(candidate):  # the host shall not see what is on that
            self._host.bring_back(candidate.address, _identity(candidate))
            self._host.settle(candidate.address)

    def is_as_before(self, candidate: Candidate) -> bool:
        """Whether the kernel's nvme driver has it; of one that is not in its slot any more the next look says what is known."""
        if self._is_unproven(candidate):  # that stays on vfio-pci from one guest to the next
            return True
        found = pci.read(self._host.roots, PciAddress.parse(candidate.address))
        return found is None or found.incarnation != candidate.incarnation or found.kernel_driver == _NVME

    def _is_unproven(self, candidate: Candidate) -> bool:
        assert candidate.handle is not None
        entry = self._ledger.entries().get(candidate.handle.id)
        return entry is not None and entry.unproven

    def _refuse_if_written_on(self, candidate: Candidate, server: str) -> None:
        # It was proven to be all zero. What carries a signature now, somebody on the host has taken since the last look.
        signatures = self._host.signatures([candidate.address]).get(candidate.address)
        if signatures:
            raise HandleUnavailable(
                _identity(candidate), server, f"the host has put {', '.join(signatures)} on it since it was cleaned"
            )

    def _check_bound(self, identity: str, server: str, address: PciAddress, incarnation: str) -> None:
        after = pci.read(self._host.roots, address)
        seen = self._ledger.sightings.all().get(str(address))
        if after is None or after.kernel_driver != _VFIO or after.incarnation != incarnation:
            raise HandleUnavailable(identity, server, f"{address} did not stay on vfio-pci")
        if seen is None or seen.identity != identity or seen.incarnation != incarnation:
            raise HandleUnavailable(identity, server, f"another device is at {address} now")


def _identity(candidate: Candidate) -> str:
    return candidate.identity or candidate.address
