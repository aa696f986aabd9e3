"""Everything of ours in one nova-compute, wired together; knows Nova only by what is handed to it."""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import metadata

from oslo_log import log as logging

from nova_accel.cleaning.cleaner import Cleaner, Policy
from nova_accel.cleaning.eraser import Eraser
from nova_accel.cleaning.pmem import NamespaceEraser
from nova_accel.cleaning.record import RecordFile
from nova_accel.cleaning.ssd import SsdEraser
from nova_accel.conf import Settings
from nova_accel.discovery.candidate import Snapshot
from nova_accel.discovery.memory import Others
from nova_accel.drivers.base import Driver
from nova_accel.exception import AccelError, LedgerError, NotALedger
from nova_accel.host import Host
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId, HandleKind
from nova_accel.provider_tree import names
from nova_accel.provider_tree.apply import Leftover
from nova_accel.provider_tree.plan import ProviderPlan, plan
from nova_accel.virt.attach import Attacher
from nova_accel.virt.attach_nvdimm import NvdimmAttacher
from nova_accel.virt.attach_pci import PciAttacher
from nova_accel.virt.cleanings import Cleanings
from nova_accel.virt.guest import GuestPreparer
from nova_accel.virt.inventory import Inventory
from nova_accel.virt.leftovers import Leftovers
from nova_accel.virt.reconcile import Placed, Reconciler
from nova_accel.virt.release import ClaimantsOf, FactsOf, Releaser

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
    claims: Callable[[], Mapping[str, Collection[HandleId]]] = dict
    """What Nova's database says that the servers of this host have, with which nothing is happening now."""
    claimants: ClaimantsOf | None = None
    """Which servers Nova's database gives handles of this host to, whatever is happening to them; None: see ``claims``."""
    placed: Callable[[], Collection[Placed]] = tuple
    """What of ours stands in the XML of libvirt's domains."""


@dataclass(frozen=True)
class _Basis:
    """What a plan was made of."""

    snapshot: Snapshot
    revision: int
    claimed: frozenset[HandleId] | None
    unbacked: frozenset[HandleId]

    def is_same_as(self, other: "_Basis") -> bool:
        """Whether the plan would be the same. Snapshots are large, and a new look makes a new one."""
        same_look = self.snapshot is other.snapshot and self.revision == other.revision
        return same_look and (self.claimed, self.unbacked) == (other.claimed, other.unbacked)


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
        self._ledger_error: LedgerError | None = None
        self.inventory = Inventory(host, drivers, self.ledger, nova.others, settings.ssd_wear_limit)
        attachers: dict[HandleKind, Attacher] = {
            HandleKind.PCI: PciAttacher(host, self.ledger),
            HandleKind.NVDIMM: NvdimmAttacher(host),
        }
        self.guests = GuestPreparer(attachers, self.inventory, self.ledger)
        self.releaser = Releaser(
            self.inventory,
            self.ledger,
            _cleaner(settings, host, self.ledger),
            self.guests.place,
            one_time_use=settings.one_time_use,
            claimants=nova.claimants or (lambda: _by_handle(nova.claims())),
        )
        self.reconciler = Reconciler(host, self.inventory, self.ledger)
        self.leftovers = Leftovers(nova.in_use)
        self.cleanings = Cleanings(
            lambda handle: self._guarded(lambda: self.releaser.settle(handle), f"cleaning {handle}"),
            self._tell,
            lambda work: self._background(work),
            settings.cleaning_workers,
            self.inventory.device,
        )
        self._background: Callable[[Callable[[], None]], None] = _at_once
        self._plans: dict[str, tuple[_Basis, tuple[ProviderPlan, ...]]] = {}
        self._stop = threading.Event()
        self._heard = 0
        self._unbacked: frozenset[HandleId] = frozenset()

    def start(self, background: Callable[[Callable[[], None]], None]) -> None:
        """Look at the host once, so that Nova's first audit sees it; the rest goes on in the background until :meth:`stop`.

        A ledger that cannot be used stops nothing: nothing is offered until it can be.

        :param background: runs what it is given without keeping the caller waiting
        :raises nova_accel.exception.NotALedger: when ledger_path names the file of another program
        """
        self._background = background
        self._guarded(self._replace_damaged_ledger, "checking the ledger")
        self._check_ledger()
        if isinstance(self._ledger_error, NotALedger):
            raise self._ledger_error
        self._refresh()
        # Before anything is read to be offered: what a server has may be all zero.
        self._reconcile()
        background(self.work)

    def keep_working(self) -> None:
        """Work whenever it is time or an operator said something, until :meth:`stop`; for a thread of its own."""
        interval_s = self._settings.discovery_interval_s or float("inf")
        waited_s = 0.0
        while not self._stop.wait(min(_OPERATOR_POLL_S, interval_s)):
            waited_s += min(_OPERATOR_POLL_S, interval_s)
            if waited_s >= interval_s or self._guarded(self._is_time, "reading what there is to do"):
                waited_s = 0.0
                self.work()

    def stop(self) -> None:
        """Let the thread end; what it is doing now is finished first."""
        self._stop.set()

    def providers(self, node: str, claimed: Collection[HandleId] | None) -> tuple[ProviderPlan, ...]:
        """What providers there should be, from the last look and the ledger; see :func:`nova_accel.provider_tree.plan.plan`.

        :raises AccelError: when nothing can be said yet
        """
        if self._ledger_error is not None:
            raise self._ledger_error
        if not self.inventory.has_looked:
            raise NotLookedYet
        # What an operator changes by command is noticed within seconds, and every look gives a new snapshot.
        given_out = None if claimed is None else frozenset(claimed)
        basis = _Basis(self.inventory.snapshot, self.ledger.revision, given_out, self._unbacked)
        known = self._plans.get(node)
        if known is None or not known[0].is_same_as(basis):
            known = basis, plan(node, basis.snapshot, self.ledger.entries(), basis.claimed, basis.unbacked)
            self._plans[node] = known
        return known[1]

    def resource_classes(self) -> set[str]:
        """The resource classes whose handles are ours."""
        return {handle.resource_class for handle in self.ledger.entries()}

    def release(self, server: str, evidence: str) -> None:
        """Release what a server has, and begin to clean it. If that fails the server's deletion goes on: the next rounds try again."""
        self._guarded(lambda: self._release(server, evidence), f"releasing the devices of server {server}")

    def rebuild(self, handles: Collection[HandleId], server: str) -> None:
        """Erase what a server has and keeps, because it is rebuilt; nothing where the operator wants it kept.

        :raises AccelError: when one could not be proven clean
        """
        if self._settings.on_rebuild == "keep":
            return
        entries = self.ledger.entries()
        # What it gets only now, on another host than before, is clean.
        had = [
            one
            for one in handles
            if one in entries and entries[one].server == server and entries[one].state is State.ASSIGNED
        ]
        self.releaser.wipe(had, server)

    def work(self) -> None:
        """One round: look, release what servers left behind, begin to clean, and tell Nova if anything changed."""
        changed = self._check_ledger()
        changed |= self._guarded(self._operator_spoke, "reading what an operator said")
        changed |= self._refresh()
        changed |= self._reconcile()
        changed |= self._guarded(
            lambda: self.releaser.release_gone(self._nova.host, self._nova.domains(), self._nova.facts),
            "looking for servers that are gone",
        )
        if changed:
            self._tell()
        # Only now, because an update says what is left: a device that has come back is not.
        if self._guarded(self._ask_about_leftovers, "asking Placement about devices that are gone"):
            self._tell()
        if self._guarded(self._ask_about_failed_rebuilds, "asking Placement about servers whose rebuild failed"):
            self._tell()
        self._guarded(self._begin_cleaning, "cleaning")

    def _release(self, server: str, evidence: str) -> bool:
        handles = self.releaser.release(server, evidence)
        for handle in handles:
            self.cleanings.begin(handle)
        return bool(handles)

    def _begin_cleaning(self) -> bool:
        if self._settings.clean_methods != ("none",):
            self.ledger.take_back_unproven()
        self.releaser.wait_for_others()
        for handle in self.releaser.due():
            self.cleanings.begin(handle)
        return False

    def _ask_about_leftovers(self) -> bool:
        # Where a tool fails, what it would list has not vanished.
        return self.inventory.sees_everything and self.leftovers.ask()

    def _ask_about_failed_rebuilds(self) -> bool:
        """Nova gives back the allocation of a server whose rebuild failed, although the server keeps what it has."""
        failed = [e for e in self.ledger.entries().values() if e.state is State.ASSIGNED and e.failures]
        unbacked = frozenset(one.handle for one in failed if not self._is_allocated(one))
        changed, self._unbacked = unbacked != self._unbacked, unbacked
        return changed

    def _is_allocated(self, entry: Entry) -> bool:
        providers = [names.provider_uuid(names.provider(node, entry.provider)) for node in self._plans]
        return any(self._nova.in_use(Leftover(uuid, entry.handle.resource_class)) for uuid in providers)

    def _operator_spoke(self) -> bool:
        heard = self.ledger.operator.changes()
        spoke, self._heard = heard != self._heard, heard
        return spoke

    def _is_time(self) -> bool:
        return self._operator_spoke() or self.releaser.is_time()

    def _reconcile(self) -> bool:
        noted = self._guarded(
            lambda: self.reconciler.reconcile(self._nova.claims(), self._nova.placed),
            "comparing the ledger with Nova's database",
        )
        if noted:  # what is on vfio-pci may be known again
            self._refresh()
        return noted

    def _replace_damaged_ledger(self) -> bool:
        aside = self.ledger.set_aside_if_broken()
        if aside:
            LOG.error("The ledger %s is damaged: it is %s now, and a new one is begun", self.ledger.path, aside)
        return bool(aside)

    def _check_ledger(self) -> bool:
        """Whether the ledger can be written to now, and is no older copy of itself; a broken one is replaced.

        :returns: whether anything is other than it was
        """
        before, self._ledger_error = self._ledger_error, None
        try:
            doubted = _made_usable(self.ledger)
        except LedgerError as error:
            self._ledger_error = error
            if str(error) != str(before or ""):
                LOG.error("Nothing of this host is offered, and no server with its devices starts: %s", error)
            return before is None
        if before is not None:
            LOG.warning("The ledger %s can be used again", self.ledger.path)
        return doubted or before is not None

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


def _by_handle(claims: Mapping[str, Collection[HandleId]]) -> dict[HandleId, set[str]]:
    found: dict[HandleId, set[str]] = {}
    for server, handles in claims.items():
        for handle in handles:
            found.setdefault(handle, set()).add(server)
    return found


def _cleaner(settings: Settings, host: Host, ledger: Ledger) -> Cleaner:
    erasers: dict[HandleKind, Eraser] = {
        HandleKind.PCI: SsdEraser(host, settings.clean_methods, settings.clean_verify),
        HandleKind.NVDIMM: NamespaceEraser(host, settings.clean_verify),
    }
    policy = Policy(
        attempts=settings.clean_attempts,
        timeout_s=float(settings.clean_timeout_s),
        one_time_use=settings.one_time_use,
        erase=settings.clean_methods != ("none",),
        version=metadata.version("nova_accel"),
    )
    return Cleaner(erasers, ledger, policy, RecordFile(settings.cleaning_record))


def _made_usable(ledger: Ledger) -> bool:
    """Try to write to the ledger; begin a new one if it is broken; doubt everything in one that is older than it was.

    :returns: whether anything is doubted that was not
    :raises LedgerError: when it cannot be used
    """
    aside = ""
    try:
        ledger.probe()
    except LedgerError:
        aside = ledger.set_aside_if_broken()
        if not aside:
            raise
        ledger.probe()
        LOG.error("The ledger %s became damaged: it is %s now, and a new one was begun", ledger.path, aside)
    missing = ledger.age.claims_missing()
    if not missing:
        return bool(aside)
    doubted = ledger.doubt_all("the ledger is an older copy of itself, so it may have been in a guest since")
    ledger.age.is_up_to_date()
    LOG.error(
        "The ledger %s is older than it was: %d claims are missing; %d devices are read again",
        ledger.path,
        missing,
        doubted,
    )
    return True
