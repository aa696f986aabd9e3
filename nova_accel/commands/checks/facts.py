"""What the checks look at, in one object; tests make such an object of a host of their own."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stevedore import ExtensionManager

from nova_accel.commands import existing
from nova_accel.commands.configuration import Configured
from nova_accel.discovery import look
from nova_accel.discovery.candidate import NAMESPACE, SSD
from nova_accel.drivers import loading
from nova_accel.exception import AccelError, ConfigurationError, LedgerError
from nova_accel.facts.roots import Roots
from nova_accel.host import Host
from nova_accel.ledger.entry import Sighting


class Unknown(AccelError):
    """A fact cannot be found out; the sentence says why."""


@dataclass(frozen=True)
class Hypervisor:
    """Versions as libvirt tells them."""

    libvirt: tuple[int, int, int]
    qemu: tuple[int, int, int]


@dataclass(frozen=True)
class Facts:
    """One host as the checks see it."""

    configured: Configured
    host: Host
    root: Path
    """Where this host's files begin."""
    prefix: Path
    """The virtualenv that this runs in, which is nova-compute's."""
    shipped: Path
    """The folder with the files that root has to put in place."""
    user_id: int
    """Whoever runs the checks."""
    which: Callable[[str], str | None]
    """Where root's side would find a tool."""
    output: Callable[[Sequence[str]], str]
    """What a tool prints for this user; raises :class:`Unknown`."""
    hypervisor: Callable[[], Hypervisor]
    """Asks libvirt; raises :class:`Unknown`."""
    free_bytes: Callable[[Path], int]
    """How much room this user has on the disk that a path lies on."""

    @property
    def roots(self) -> Roots:
        """Where the kernel shows itself."""
        return self.host.roots

    @property
    def uses_ssds(self) -> bool:
        """Whether a driver for SSDs is enabled."""
        return SSD in self._sorts

    @property
    def uses_pmem(self) -> bool:
        """Whether a driver for persistent memory is enabled."""
        return NAMESPACE in self._sorts

    @functools.cached_property
    def _sorts(self) -> frozenset[str]:
        """The sorts of device that the enabled drivers look for."""
        settings = self.configured.settings
        try:
            return look.sorts(loading.load(settings))
        except (
            ConfigurationError
        ):  # for which there is a check of its own; the classes show the sort too, and need no options
            installed = ExtensionManager(loading.NAMESPACE)
            return look.sorts([one.plugin for one in installed if one.name in settings.enabled_drivers])

    @property
    def etc(self) -> Path:
        """Where this host is configured."""
        return self.root / "etc"

    def sightings(self) -> Mapping[str, Sighting]:
        """What nova-compute saw last; nothing when the ledger cannot be used, for which there is a check of its own."""
        try:
            return existing.open_for_reading(self.configured.settings.ledger_path).sightings.all()
        except LedgerError:
            return {}

    def text(self, path: Path) -> str | None:
        """The content of a file; None when there is none.

        :raises Unknown: when it is there and may not be read
        """
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unknown(f"{path}: {error.strerror}") from error
