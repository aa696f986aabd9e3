"""Everything of ours in one nova-compute, wired together; knows Nova only by what is handed to it."""

import threading
from collections.abc import Callable, Collection

from oslo_log import log as logging

from nova_accel.cleaning import assembly
from nova_accel.conf import Settings
from nova_accel.drivers.base import Driver
from nova_accel.exception import AccelError
from nova_accel.host import Host
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId, HandleKind
from nova_accel.provider_tree.plan import ProviderPlan
from nova_accel.virt.attach import Attacher
from nova_accel.virt.attach_nvdimm import NvdimmAttacher
from nova_accel.virt.attach_pci import PciAttacher
from nova_accel.virt.cleanings import Cleanings
from nova_accel.virt.forgotten import Forgotten
from nova_accel.virt.guest import GuestPreparer
from nova_accel.virt.inventory import Inventory
from nova_accel.virt.leaving import Leaving
from nova_accel.virt.ledger_guard import LedgerGuard
from nova_accel.virt.left_behind import OperatorsWord
from nova_accel.virt.leftovers import Leftovers
from nova_accel.virt.nova_side import NovaSide
from nova_accel.virt.plans import Plans
from nova_accel.virt.rebuilds import Rebuilds
from nova_accel.virt.reconcile import Reconciler
from nova_accel.virt.release import Releaser
from nova_accel.virt.save_room import SaveRoom
from nova_accel.virt.unbacked import Unbacked

LOG = logging.getLogger(__name__)

_OPERATOR_POLL_S = 3.0
_ROUND_S = 60.0
"""At most so long from one round to the next; how often the host is looked at is for the operator to say."""


def _at_once(work: Callable[[], None]) -> None:
    work()


class NotLookedYet(AccelError):
    """No look at the host has succeeded since the start, so nothing can be said about its devices."""

    def __init__(self) -> None:
        super().__init__("this host's devices could not be looked at since nova-compute started; see the error above")


class AccelService:
    """Discovery, ledger, guests, release and cleaning of one host."""

    def __init__(self, settings: Settings, drivers: tuple[Driver, ...], host: Host, nova: NovaSide) -> None:
        """Touch nothing yet.

        :raises nova_accel.exception.ConfigurationError: when an option cannot be right
        """
        self._settings = settings
        self._nova = nova
        self.ledger = Ledger(settings.ledger_path, open_now=False)
        self._guard = LedgerGuard(self.ledger)
        self.inventory = Inventory(host, drivers, self.ledger, nova.others, settings.ssd_wear_limit)
        attachers: dict[HandleKind, Attacher] = {
            HandleKind.PCI: PciAttacher(host, self.ledger),
            HandleKind.NVDIMM: NvdimmAttacher(host),
        }
        self.guests = GuestPreparer(attachers, self.inventory, self.ledger)
        self.releaser = Releaser(
            self.inventory,
            self.ledger,
            assembly.cleaner(settings, host, self.ledger),
            self.guests.place,
            one_time_use=settings.one_time_use,
            claimants=self._claimants,
        )
        self.save_room = SaveRoom(host.roots) if settings.suspend_with_pmem else None
        self.operators_word = OperatorsWord(self.inventory, self.ledger, self.guests.place, nova, self._claimants)
        self.reconciler = Reconciler(host, self.inventory, self.ledger)
        self.leftovers = Leftovers(nova.consumers)
        self.cleanings = Cleanings(
            lambda handle: self._guarded(lambda: self.releaser.settle(handle), f"cleaning {handle}"),
            self._became_available,
            lambda work: self._background(work),
            settings.cleaning_workers,
            self.inventory.device,
        )
        self._background: Callable[[Callable[[], None]], None] = _at_once
        self._plans = Plans(self.ledger)
        self._unbacked = Unbacked(self.ledger, self._plans, nova.consumers)
        self.rebuilds = Rebuilds(
            self.ledger,
            self.releaser,
            self._unbacked,
            erases=settings.on_rebuild != "keep" and settings.clean_methods != ("none",),
            others_erase=settings.one_time_use,
        )
        self._forgotten = Forgotten(self.ledger, self._plans, nova)
        self.leaving = Leaving()
        self._nova_has_begun = False
        """Whether Nova has asked for our providers since the start: only then has it taken this host for the one that it knows."""
        self._may_release = False
        """The same, as of the beginning of the last round: where Nova is about to refuse its own start, nothing is released or erased."""
        self._stop = threading.Event()
        self._one_round = threading.Lock()
        """Held for a round: the first one goes on beside the thread that makes the others."""
        self._living: frozenset[str] = frozenset()
        self._is_untold = False

    def start(self, background: Callable[[Callable[[], None]], None]) -> None:
        """Look at the host once, so that Nova's first audit sees it; the rest goes on in the background until :meth:`stop`.

        A ledger that cannot be used stops nothing: nothing is offered until it can be.

        :param background: runs what it is given without keeping the caller waiting
        :raises nova_accel.exception.NotALedger: when ledger_path names the file of another program
        """
        self._background = background
        self._guard.start()
        self._refresh()
        # Before anything is read to be offered: what a server has may be all zero.
        self._reconcile()
        background(self.work)

    def keep_working(self) -> None:
        """Work whenever it is time or an operator said something, until :meth:`stop`; for a thread of its own."""
        look_every_s = self._settings.discovery_interval_s or float("inf")
        pause_s = min(_OPERATOR_POLL_S, look_every_s)
        looked_s = worked_s = 0.0
        while not self._stop.wait(pause_s):
            looked_s, worked_s = looked_s + pause_s, worked_s + pause_s
            look = looked_s >= look_every_s or self._guarded(self._is_time, "reading what there is to do")
            if look or worked_s >= _ROUND_S or self._guarded(self._is_expected, "reading who leaves this host"):
                self.work(look=look)
                looked_s, worked_s = 0.0 if look else looked_s, 0.0

    def stop(self) -> None:
        """Let the thread end; what it is doing now is finished first."""
        self._stop.set()

    def providers(self, node: str, claimed: Collection[HandleId] | None) -> tuple[ProviderPlan, ...]:
        """What providers there should be, from the last look and the ledger; see :func:`nova_accel.provider_tree.plan.plan`.

        :raises AccelError: when nothing can be said yet
        """
        self._nova_has_begun = True
        self._guard.refuse_if_unusable()
        if not self.inventory.has_looked:
            raise NotLookedYet
        return self._plans.of(node, self.inventory.snapshot, claimed)

    def resource_classes(self) -> set[str]:
        """The resource classes whose handles are ours."""
        return {handle.resource_class for handle in self.ledger.entries()}

    def release(self, server: str, evidence: str) -> None:
        """Release what a server has, and begin to clean it. If that fails the server's deletion goes on: the next rounds try again."""
        self._guarded(lambda: self._release(server, evidence), f"releasing the devices of server {server}")

    def work(self, *, look: bool = True) -> None:
        """One round: look, release what servers left behind, begin to clean, and tell Nova if anything changed.

        :param look: whether to look at the host also where nothing says that it is other than it was
        """
        with self._one_round:
            self._guarded(lambda: self._round(look=look), "a round")

    def _round(self, *, look: bool) -> bool:
        self._may_release = self._nova_has_begun
        changed = self._guard.check()
        if not self._guard.is_usable:  # said once; nothing of what follows can be done
            if changed:
                self._tell()
            return False
        changed |= self._guarded(self._operator_spoke, "reading what an operator said")
        if look or changed or not self.inventory.has_looked:
            changed |= self._refresh()
        changed |= self._reconcile()
        if self._may_release:
            changed |= self._release_what_is_left()
        if changed or self._is_untold:
            self._tell()
        # Only now, because an update says what is left: a device that has come back is not.
        if self._guarded(self._ask_about_leftovers, "asking Placement about devices that are gone"):
            self._tell()
        if self._guarded(self._unbacked.ask, "asking Placement about servers whose rebuild failed"):
            self._tell()
        self._guarded(self._begin_cleaning, "cleaning")
        self._guarded(self._look_for_forgotten, "looking for allocations that nobody gives back")
        return changed

    def _release_what_is_left(self) -> bool:
        self._guarded(self._forget_domains, "looking for domains of deleted servers")
        released = self._guarded(
            self.operators_word.heed, "looking whether what an operator wants cleaned was left here"
        )
        return released | self._guarded(
            lambda: self.releaser.release_gone(self._nova.host, self._nova.domains(), self._nova.facts),
            "looking for servers that are gone",
        )

    def _release(self, server: str, evidence: str) -> bool:
        handles = self.releaser.release(server, evidence)
        for handle in handles:
            self.cleanings.begin(handle)
        return bool(handles)

    def _begin_cleaning(self) -> bool:
        if self._may_release and self._settings.clean_methods != ("none",):
            self.ledger.take_back_unproven()
        self.releaser.wait_for_others()
        for handle in self.releaser.due(only_reading=not self._may_release):
            self.cleanings.begin(handle)
        return False

    def _look_for_forgotten(self) -> bool:
        self._forgotten.look()
        return False

    def _ask_about_leftovers(self) -> bool:
        # Where a tool fails, what it would list has not vanished.
        return self.inventory.sees_everything and self.leftovers.ask()

    def _operator_spoke(self) -> bool:
        heard = self.ledger.operator.changes()
        spoke, self._plans.heard = heard != self._plans.heard, heard
        return spoke

    def _is_time(self) -> bool:
        if not self._guard.is_usable:  # the next round tries it
            return False
        may_release_now = self._nova_has_begun and not self._may_release
        # To be noted by the round that follows, which tells Nova of it.
        return self.ledger.operator.changes() != self._plans.heard or may_release_now or self.releaser.is_time()

    def _is_expected(self) -> bool:
        return self._guard.is_usable and self.leaving.is_time(self.releaser.having)

    def _reconcile(self) -> bool:
        noted = self._guarded(self._compare_with_nova, "comparing the ledger with Nova's database")
        if noted:  # what is on vfio-pci may be known again
            self._refresh()
        return noted

    def _compare_with_nova(self) -> bool:
        claims = self._nova.claims()
        self._living = frozenset(claims.idle)
        return self.reconciler.reconcile(claims, self._nova.placed, self._claimants)

    def _claimants(self) -> dict[HandleId, set[str]]:
        """Which servers Nova's database gives handles of this host to; but not what they left for good, as an operator said."""
        left = self.ledger.left_behind.released()
        return {
            handle: {server for server in servers if (handle.identity, server) not in left}
            for handle, servers in self._nova.claimants().items()
        }

    def _forget_domains(self) -> bool:
        nova = self._nova
        return self.releaser.forget_domains(nova.stopped, self._living, nova.facts, nova.undefine)

    def _refresh(self) -> bool:
        return self._guarded(self.inventory.refresh, "looking at this host's devices")

    def _became_available(self) -> None:
        # How an SSD is, it says only once it is back from vfio-pci: none that is ill is to be offered.
        self._refresh()
        self._tell()

    def _tell(self) -> None:
        # What could not be told is told in the next round, whether or not anything is new then.
        self._is_untold = not self._guarded(self._tell_nova, "telling Placement")

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
