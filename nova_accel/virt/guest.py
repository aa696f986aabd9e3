"""Gives handles to a guest: the XML, and the last checks where the guest starts."""

from collections.abc import Collection, Iterable, Sequence

from oslo_log import log as logging

from nova_accel.exception import AccelError, HandleUnavailable
from nova_accel.facts import pci
from nova_accel.host import Host
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId, PciAddress
from nova_accel.virt.inventory import Inventory
from nova_accel.xml import hostdev
from nova_accel.xml.hostdev import PciHostdev

LOG = logging.getLogger(__name__)

_VFIO = "vfio-pci"


class GuestPreparer:
    """Makes sure that a guest gets exactly its handles, and nobody else does."""

    def __init__(self, host: Host, inventory: Inventory, ledger: Ledger) -> None:
        self._host = host
        self._inventory = inventory
        self._ledger = ledger

    def hostdevs(self, handles: Sequence[HandleId], server: str) -> tuple[PciHostdev, ...]:
        """The elements for a server's handles, in their order, with the addresses they have now.

        :raises HandleUnavailable: when a device is not there
        """
        return tuple(
            PciHostdev(self._address(handle, server), alias=hostdev.alias_for(handle.identity)) for handle in handles
        )

    def prepare(self, handles: Sequence[HandleId], server: str, domain_xml: str) -> None:
        """Do what must be done right before a guest starts; may be repeated for the same server.

        The claim is exclusive and on disk before anything else happens. Then each device is checked to be the one meant and bound to
        vfio-pci. If that fails, what the server did not have before is given back.

        :param domain_xml: what libvirt is about to start, made anew or stored long ago
        :raises AccelError: when the guest must not start
        """
        self._check_xml(handles, server, domain_xml)
        if not handles:
            return
        with self._inventory.devices_lock:
            fresh = self._ledger.claim(handles, server)
            bound: list[HandleId] = []
            try:
                for handle in handles:
                    self._bind(handle, server, fresh=handle in fresh)
                    bound.append(handle)
            except AccelError:
                self._undo(fresh, bound, server)
                raise

    def _bind(self, handle: HandleId, server: str, *, fresh: bool) -> None:
        address = self._address(handle, server)
        before = pci.read(self._host.roots, address)
        if before is None:
            raise HandleUnavailable(handle.identity, server, f"nothing is at {address} any more")
        if before.kernel_driver != _VFIO:
            self._host.hand_over(str(address), handle.identity)
        elif fresh:
            raise HandleUnavailable(handle.identity, server, f"{address} is bound to vfio-pci, and not by nova_accel")
        self._check_bound(handle, server, address, before.incarnation)

    def _check_bound(self, handle: HandleId, server: str, address: PciAddress, incarnation: str) -> None:
        after = pci.read(self._host.roots, address)
        seen = self._ledger.sightings().get(str(address))
        if after is None or after.kernel_driver != _VFIO or after.incarnation != incarnation:
            raise HandleUnavailable(handle.identity, server, f"{address} did not stay on vfio-pci")
        if seen is None or seen.serial != handle.identity or seen.incarnation != incarnation:
            raise HandleUnavailable(handle.identity, server, f"another device is at {address} now")

    def _undo(self, fresh: Collection[HandleId], bound: Collection[HandleId], server: str) -> None:
        for handle in fresh:
            try:
                if handle in bound:
                    address = str(self._address(handle, server))
                    self._host.bring_back(address)
                    self._host.settle(address)
            except AccelError as error:
                LOG.warning("%s could not be taken back from vfio-pci: %s", handle, error)
        self._ledger.give_back(fresh, server)

    def _check_xml(self, handles: Sequence[HandleId], server: str, domain_xml: str) -> None:
        in_xml = hostdev.pci_addresses(domain_xml)
        meant = {self._address(handle, server): hostdev.alias_for(handle.identity) for handle in handles}
        ours = {address: alias for address, alias in in_xml.items() if alias is not None}
        if ours != meant:
            raise HandleUnavailable(
                _words(meant.values()),
                server,
                f"its domain XML names {_words(f'{alias} at {address}' for address, alias in ours.items())}; "
                "a hard reboot makes the XML anew",
            )
        for candidate in self._inventory.snapshot.by_handle().values():
            address = candidate.function.record.address
            if candidate.verdict.eligible and address in in_xml and address not in meant:
                raise HandleUnavailable(
                    candidate.function.serial or str(address),
                    server,
                    f"the domain XML has {address} from somewhere else; take it out of [pci] device_spec or of our filters",
                )

    def _address(self, handle: HandleId, server: str) -> PciAddress:
        candidate = self._inventory.candidate(handle)
        if candidate is None:
            raise HandleUnavailable(
                handle.identity, server, "it is not in this host, or cannot be told from another device"
            )
        return candidate.function.record.address


def _words(words: Iterable[str]) -> str:
    return ", ".join(words) or "nothing"
