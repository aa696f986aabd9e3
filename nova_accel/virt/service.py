"""Everything of ours in one nova-compute, wired together; knows Nova only by what is handed to it."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from oslo_log import log as logging

from nova_accel.cleaning.cleaner import Cleaner
from nova_accel.conf import Settings
from nova_accel.drivers.base import Driver
from nova_accel.exception import AccelError
from nova_accel.host import Host
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from nova_accel.provider_tree.plan import ProviderPlan, plan
from nova_accel.virt.guest import GuestPreparer
from nova_accel.virt.inventory import Inventory
from nova_accel.virt.release import Releaser

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class NovaSide:
    """What this package asks of Nova."""

    guests: Callable[[], Collection[str]]
    """Uuids of the domains that libvirt knows on this host."""
    is_deleted: Callable[[str], bool]
    """Whether Nova's database holds a server as deleted."""
    changed: Callable[[], None]
    """Called, with no lock held, when Placement should hear of a change."""


class AccelService:
    """Discovery, ledger, guests, release and cleaning of one host."""

    def __init__(self, settings: Settings, drivers: tuple[Driver, ...], host: Host, nova: NovaSide) -> None:
        """Open the ledger; nothing of the host is touched yet.

        :raises nova_accel.exception.LedgerError: when the ledger cannot be opened
        """
        self._settings = settings
        self._nova = nova
        self.ledger = Ledger(settings.ledger_path)
        self.inventory = Inventory(host, drivers, self.ledger)
        self.guests = GuestPreparer(host, self.inventory, self.ledger)
        self.releaser = Releaser(self.inventory, self.ledger, Cleaner(host, self.ledger))
        self._stop = threading.Event()

    def start(self, background: Callable[[Callable[[], None]], None]) -> None:
        """Look at the host once, so that Nova's first audit sees it; the rest goes on in the background until :meth:`stop`.

        :param background: runs what it is given without keeping the caller waiting
        """
        self._refresh()
        background(self._run)

    def stop(self) -> None:
        """Let the thread end; what it is doing now is finished first."""
        self._stop.set()

    def providers(self, node: str, claimed: Collection[HandleId] | None) -> tuple[ProviderPlan, ...]:
        """What providers there should be, from the last look and the ledger; see :func:`nova_accel.provider_tree.plan.plan`."""
        return plan(node, self.inventory.snapshot, self.ledger.entries(), claimed)

    def resource_classes(self) -> set[str]:
        """The resource classes whose handles are ours."""
        return {handle.resource_class for handle in self.ledger.entries()}

    def release(self, server: str, evidence: str) -> None:
        """Release and clean what a server has. If that fails the server's deletion goes on: the next rounds try again."""
        self._guarded(lambda: self.releaser.release(server, evidence), f"releasing the devices of server {server}")

    def work(self) -> None:
        """One round: look, release what deleted servers left, clean, and tell Nova if anything changed."""
        changed = self._refresh()
        changed |= self._guarded(
            lambda: self.releaser.release_deleted(self._nova.guests(), self._nova.is_deleted),
            "looking for deleted servers",
        )
        changed |= self._guarded(self.releaser.settle, "cleaning")
        if changed:
            self._guarded(self._tell_nova, "telling Placement")

    def _run(self) -> None:
        self.work()
        interval_s = self._settings.discovery_interval_s
        while interval_s and not self._stop.wait(interval_s):
            self.work()

    def _refresh(self) -> bool:
        return self._guarded(self.inventory.refresh, "looking at this host's devices")

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
