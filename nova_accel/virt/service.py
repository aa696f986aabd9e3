"""Everything of ours in one nova-compute, wired together; knows Nova only by what is handed to it."""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from oslo_log import log as logging

from nova_accel.cleaning.cleaner import Cleaner, erasers
from nova_accel.conf import Settings
from nova_accel.discovery.candidate import Snapshot
from nova_accel.discovery.memory import Others
from nova_accel.drivers.base import Driver
from nova_accel.exception import AccelError
from nova_accel.host import Host
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId, HandleKind
from nova_accel.provider_tree.apply import Leftover
from nova_accel.provider_tree.plan import ProviderPlan, plan
from nova_accel.virt.attach import Attacher
from nova_accel.virt.attach_nvdimm import NvdimmAttacher
from nova_accel.virt.attach_pci import PciAttacher
from nova_accel.virt.cleanings import Cleanings
from nova_accel.virt.guest import GuestPreparer
from nova_accel.virt.inventory import Inventory
from nova_accel.virt.leftovers import Leftovers
from nova_accel.virt.release import FactsOf, Releaser

LOG = logging.getLogger(__name__)

_OPERATOR_POLL_S = 3.0


@dataclass(frozen=True)
class NovaSide:
    """What this package asks of Nova."""

    host: str
    """This host, as Nova names it."""
    domains: Callable[[], Mapping[str, Collection[str]]]
    """What each domain has that libvirt knows on this host: PCI addresses and paths, by the server's uuid."""
    facts: FactsOf
    """What Nova's database says about a server; None when it does not know it."""
    changed: Callable[[], None]
    """Called, with no lock held, when Placement should hear of a change."""
    others: Callable[[], Others] = Others
    """Who else may have, or give away, a device of this host."""
    in_use: Callable[[Leftover], bool] = lambda _: True
    """Whether Placement has an allocation from what has vanished."""


@dataclass(frozen=True)
class _Basis:
    """What a plan was made of."""

    snapshot: Snapshot
    revision: int
    claimed: frozenset[HandleId] | None

    def is_same_as(self, other: "_Basis") -> bool:
        """Whether the plan would be the same. Snapshots are large, and a new look makes a new one."""
        return self.snapshot is other.snapshot and (self.revision, self.claimed) == (other.revision, other.claimed)


def _at_once(work: Callable[[], None]) -> None:
    work()


class NotLookedYet(AccelError):
    """No look at the host has succeeded since the start, so nothing can be said about its devices."""

    def __init__(self) -> None:
        super().__init__("this host's devices could not be looked at since nova-compute started; see the error above")


class AccelService:
    """Discovery, ledger, guests, release and cleaning of one host."""

    def __init__(self, settings: Settings, drivers: tuple[Driver, ...], host: Host, nova: NovaSide) -> None:
        """Open the ledger; nothing of the host is touched yet.

        :raises nova_accel.exception.LedgerError: when the ledger cannot be opened
        """
        self._settings = settings
        self._nova = nova
        self.ledger = Ledger(settings.ledger_path)
        self.inventory = Inventory(host, drivers, self.ledger, nova.others)
        attachers: dict[HandleKind, Attacher] = {
            HandleKind.PCI: PciAttacher(host, self.ledger),
            HandleKind.NVDIMM: NvdimmAttacher(host),
        }
        self.guests = GuestPreparer(attachers, self.inventory, self.ledger)
        self.releaser = Releaser(self.inventory, self.ledger, Cleaner(erasers(host), self.ledger), self.guests.place)
        self.leftovers = Leftovers(nova.in_use)
        self.cleanings = Cleanings(
            lambda handle: self._guarded(lambda: self.releaser.settle(handle), f"cleaning {handle}"),
            self._tell,
            lambda work: self._background(work),
            settings.cleaning_workers,
        )
        self._background: Callable[[Callable[[], None]], None] = _at_once
        self._plans: dict[str, tuple[_Basis, tuple[ProviderPlan, ...]]] = {}
        self._stop = threading.Event()
        self._heard = 0

    def start(self, background: Callable[[Callable[[], None]], None]) -> None:
        """Look at the host once, so that Nova's first audit sees it; the rest goes on in the background until :meth:`stop`.

        :param background: runs what it is given without keeping the caller waiting
        """
        self._background = background
        self._refresh()
        background(self.work)

    def keep_working(self) -> None:
        """Work whenever it is time or an operator said something, until :meth:`stop`; for a thread of its own."""
        interval_s = self._settings.discovery_interval_s or float("inf")
        waited_s = 0.0
        while not self._stop.wait(min(_OPERATOR_POLL_S, interval_s)):
            waited_s += min(_OPERATOR_POLL_S, interval_s)
            if waited_s >= interval_s or self._guarded(self._operator_spoke, "reading what an operator said"):
                waited_s = 0.0
                self.work()

    def stop(self) -> None:
        """Let the thread end; what it is doing now is finished first."""
        self._stop.set()

    def providers(self, node: str, claimed: Collection[HandleId] | None) -> tuple[ProviderPlan, ...]:
        """What providers there should be, from the last look and the ledger; see :func:`nova_accel.provider_tree.plan.plan`.

        :raises AccelError: when nothing can be said yet
        """
        if not self.inventory.has_looked:
            raise NotLookedYet
        # What an operator changes by command is noticed within seconds, and every look gives a new snapshot.
        basis = _Basis(self.inventory.snapshot, self.ledger.revision, None if claimed is None else frozenset(claimed))
        known = self._plans.get(node)
        if known is None or not known[0].is_same_as(basis):
            known = basis, plan(node, basis.snapshot, self.ledger.entries(), basis.claimed)
            self._plans[node] = known
        return known[1]

    def resource_classes(self) -> set[str]:
        """The resource classes whose handles are ours."""
        return {handle.resource_class for handle in self.ledger.entries()}

    def release(self, server: str, evidence: str) -> None:
        """Release what a server has, and begin to clean it. If that fails the server's deletion goes on: the next rounds try again."""
        self._guarded(lambda: self._release(server, evidence), f"releasing the devices of server {server}")

    def work(self) -> None:
        """One round: look, release what servers left behind, begin to clean, and tell Nova if anything changed."""
        changed = self._guarded(self._operator_spoke, "reading what an operator said")
        changed |= self._refresh()
        changed |= self._guarded(
            lambda: self.releaser.release_gone(self._nova.host, self._nova.domains(), self._nova.facts),
            "looking for servers that are gone",
        )
        if changed:
            self._tell()
        # Only now, because an update says what is left: a device that has come back is not.
        if self._guarded(self._ask_about_leftovers, "asking Placement about devices that are gone"):
            self._tell()
        self._guarded(self._begin_cleaning, "cleaning")

    def _release(self, server: str, evidence: str) -> bool:
        handles = self.releaser.release(server, evidence)
        for handle in handles:
            self.cleanings.begin(handle)
        return bool(handles)

    def _begin_cleaning(self) -> bool:
        for handle in self.releaser.due():
            self.cleanings.begin(handle)
        return False

    def _ask_about_leftovers(self) -> bool:
        # Where a tool fails, what it would list has not vanished.
        return self.inventory.sees_everything and self.leftovers.ask()

    def _operator_spoke(self) -> bool:
        heard = self.ledger.operator.changes()
        spoke, self._heard = heard != self._heard, heard
        return spoke

    def _refresh(self) -> bool:
        return self._guarded(self.inventory.refresh, "looking at this host's devices")

    def _tell(self) -> None:
        self._guarded(self._tell_nova, "telling Placement")

    def _tell_nova(self) -> bool:
        self._nova.changed()
        return True

    @staticmethod
    def _guarded(step: Callable[[], bool], doing: str) -> bool:
        """One failed step must not end the thread, and what was known stays."""
        try:
            return step()
        except AccelError as error:
            LOG.error("%s failed, what was known before stays: %s", doing, error)
        except Exception:  # Nova, libvirt or the message bus: the next round tries again
            LOG.exception("%s failed", doing)
        return False
