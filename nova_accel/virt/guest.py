"""Gives handles to a guest: the XML, and the last checks where the guest starts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from oslo_log import log as logging

from nova_accel.discovery.candidate import Candidate
from nova_accel.exception import AccelError, DeviceLost, HandleUnavailable
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import AttachHandle, HandleId, HandleKind
from nova_accel.virt.attach import Attacher, Element
from nova_accel.virt.inventory import Inventory
from nova_accel.xml import domain
from nova_accel.xml.alias import alias_for
from nova_accel.xml.hostdev import PciHostdev
from nova_accel.xml.memory import NvdimmMemory

LOG = logging.getLogger(__name__)

E = TypeVar("E", PciHostdev, NvdimmMemory)


class GuestPreparer:
    """Makes sure that a guest gets exactly its handles, and nobody else does."""

    def __init__(self, attachers: Mapping[HandleKind, Attacher], inventory: Inventory, ledger: Ledger) -> None:
        self._attachers = attachers
        self._inventory = inventory
        self._ledger = ledger

    def elements(self, handles: Sequence[HandleId], server: str) -> tuple[tuple[AttachHandle, Element], ...]:
        """A server's handles as they are now, in their order, each with its element.

        :raises HandleUnavailable: when a device is not there
        """
        found = []
        for handle in handles:
            candidate, attacher = self._found(handle, server)
            assert candidate.handle is not None
            found.append((candidate.handle, attacher.element(candidate, server)))
        return tuple(found)

    def foresee(self, handles: Sequence[HandleId], server: str) -> None:
        """Find out, without changing anything, what of :meth:`prepare` can be known before a server's guest or disk is given up.

        :raises AccelError: when its guest could not be started again
        """
        if not handles:
            return
        self._refuse_if_away(handles, server)
        self.elements(handles, server)
        self._ledger.probe()
        self._ledger.refuse_unless_claimable(handles, server)

    def prepare(
        self, handles: Sequence[HandleId], server: str, domain_xml: str, *, running: bool = False, later: bool = False
    ) -> None:
        """Do what must be done right before a guest starts; may be repeated for the same server.

        The claim is exclusive and on disk before anything else happens. Then each device is checked to be the one meant and readied.
        If that fails, what the server did not have before is given back.

        :param domain_xml: what libvirt is about to start, made anew or stored long ago
        :param running: whether the server's guest is still running, to be restarted in place
        :param later: whether the guest gets its PCI devices only once it runs: it was saved without them
        :raises AccelError: when the guest must not start
        """
        self._check_xml([one for one in handles if not (later and self._is_pci(one, server))], server, domain_xml)
        if not handles:
            return
        with self._inventory.devices_lock:
            fresh = self._ledger.claim(handles, server)
            for handle in fresh:
                LOG.info("%s is given to server %s", handle, server)
            taken: list[HandleId] = []
            try:
                for handle in handles:
                    candidate, attacher = self._found(handle, server)
                    self._take(candidate, attacher, server, fresh=handle in fresh, running=running)
                    taken.append(handle)
            except AccelError as error:
                self._undo(fresh, taken, server, str(error))
                raise

    def _refuse_if_away(self, handles: Sequence[HandleId], server: str) -> None:
        """Refuse when a device is not where it was last seen; it may have come back since, there or elsewhere."""
        away = [one for one in handles if self._inventory.present(one) is None]
        if away:
            self._inventory.refresh()
        for one in away:
            if self._inventory.present(one) is None:
                raise HandleUnavailable(one.identity, server, "it is not in this host, or not where it was")

    def _take(self, candidate: Candidate, attacher: Attacher, server: str, *, fresh: bool, running: bool) -> None:
        try:
            attacher.take(candidate, server, fresh=fresh, running=running)
        except DeviceLost as error:
            assert candidate.handle is not None
            self._ledger.quarantine(candidate.handle.id, str(error))
            LOG.error("%s is quarantined: %s", candidate.handle.id, error)
            raise

    def elements_of(self, sort: type[E], handles: Sequence[HandleId], server: str) -> list[E]:
        """Those of a server's elements that are of one sort, as its devices are now.

        :raises HandleUnavailable: when a device is not there
        """
        return [element for _, element in self.elements(handles, server) if isinstance(element, sort)]

    def place(self, candidate: Candidate) -> str:
        """What names a device in a domain's XML: a PCI address, or a path."""
        assert candidate.handle is not None
        return self._attachers[candidate.handle.kind].place(candidate)

    def _undo(self, fresh: Collection[HandleId], taken: Collection[HandleId], server: str, why: str) -> None:
        """Give back what the server did not have before; what is not where it was then is not to be offered as it is."""
        stuck = {one: reason for one in fresh if one in taken and (reason := self._why_not_back(one, server))}
        moved = [one for one in fresh if one not in taken and not self._is_as_before(one, server)]
        doubts = dict.fromkeys(moved, f"could not be made ready for a guest: {why}")
        self._ledger.give_back([one for one in fresh if one not in stuck], server, doubts)
        for handle, reason in stuck.items():  # it was proven to be clean, so it may be erased
            LOG.warning("%s could not be taken back, so it is cleaned: %s", handle, reason)
            self._ledger.release_one(handle, server, f"it did not reach a guest, and did not come back: {reason}")

    def _why_not_back(self, handle: HandleId, server: str) -> str:
        try:
            candidate, attacher = self._found(handle, server)
            attacher.undo(candidate)
        except AccelError as error:
            return str(error)
        return ""

    def _is_as_before(self, handle: HandleId, server: str) -> bool:
        try:
            candidate, attacher = self._found(handle, server)
        except HandleUnavailable:
            return True  # it was not found, so nothing was done to it
        return attacher.is_as_before(candidate)

    def _check_xml(self, handles: Sequence[HandleId], server: str, domain_xml: str) -> None:
        in_xml = _places(domain_xml)
        meant = {self._named(handle, server, in_xml): alias_for(handle.identity) for handle in handles}
        ours = {place: alias for place, alias in in_xml.items() if alias is not None}
        if ours != meant:
            raise HandleUnavailable(
                _words(meant.values()),
                server,
                f"its domain XML names {_words(f'{alias} at {place}' for place, alias in ours.items())}; "
                "a hard reboot makes the XML anew",
            )
        self._refuse_foreign(in_xml.keys() - meant.keys(), server)

    def _refuse_foreign(self, places: Collection[str], server: str) -> None:
        """Refuse what is ours to give and stands in the XML without us."""
        for candidate in self._inventory.snapshot.by_handle().values():
            assert candidate.handle is not None
            names = (self.place(candidate), *self._attachers[candidate.handle.kind].other_places(candidate))
            found = [name for name in names if name in places]
            if found and not self._is_novas_to_give(candidate):
                raise HandleUnavailable(
                    candidate.handle.id.identity,
                    server,
                    f"the domain XML has {found[0]} from somewhere else; take it out of Nova's own options, or of ours",
                )

    def _is_novas_to_give(self, candidate: Candidate) -> bool:
        """Whether an option of Nova's own names it too and no server has it from us: Nova's own servers go on as before."""
        assert candidate.handle is not None
        if not candidate.evidence.double_owner:
            return False
        entry = self._ledger.entries().get(candidate.handle.id)
        return entry is None or entry.state is not State.ASSIGNED

    def _named(self, handle: HandleId, server: str, in_xml: Collection[str]) -> str:
        """What names a device in this XML, or has to: its place, or what else leads to it for now."""
        candidate, attacher = self._found(handle, server)
        place = attacher.place(candidate)
        name = next((one for one in (place, *attacher.other_places(candidate)) if one in in_xml), place)
        if name != place:
            LOG.warning(
                "Server %s is started from XML with %s, which may be another device after a reboot of the host; "
                "a hard reboot makes the XML anew, with a path that stays",
                server,
                name,
            )
        return name

    def _is_pci(self, handle: HandleId, server: str) -> bool:
        candidate, _ = self._found(handle, server)
        return candidate.handle is not None and candidate.handle.kind is HandleKind.PCI

    def _found(self, handle: HandleId, server: str) -> tuple[Candidate, Attacher]:
        candidate = self._inventory.candidate(handle)
        if candidate is None or candidate.handle is None:
            raise HandleUnavailable(
                handle.identity, server, "it is not in this host, or cannot be told from another device"
            )
        return candidate, self._attachers[candidate.handle.kind]


def _places(domain_xml: str) -> dict[str, str | None]:
    addresses = {str(address): alias for address, alias in domain.pci_addresses(domain_xml).items()}
    return addresses | domain.nvdimm_paths(domain_xml)


def _words(words: Iterable[str]) -> str:
    return ", ".join(words) or "nothing"
