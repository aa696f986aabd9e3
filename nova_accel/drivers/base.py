"""The contract of a driver."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from nova_accel.conf import Settings
from nova_accel.model import Device, PciRecord
from nova_accel.parsers.ndctl import NamespaceRecord


@dataclass(frozen=True)
class SeenFunction:
    """One PCI function that lspci listed, with what sysfs and our memory say about it."""

    record: PciRecord
    incarnation: str
    numa_node: int | None
    serial: str | None
    """None when the device shows none and none was seen during this presence."""


@dataclass(frozen=True)
class SeenNamespace:
    """One PMEM namespace that ndctl listed and a driver takes."""

    record: NamespaceRecord
    incarnation: str
    label: str
    """The one it is offered under: as long as a server has it, that of the server's start."""

    @property
    def identity(self) -> str:
        """The uuid in its label; one that shows none gets an identity made of its name, so that it can be shown."""
        return self.record.label_uuid or f"unidentified {self.record.dev}"


@dataclass(frozen=True)
class SeenRegion:
    """One PMEM region."""

    dev: str
    identity: str
    """The interleave set's cookie in hexadecimal, which stays when regions are numbered anew; the name where there is none."""
    numa_node: int | None


class Driver(Protocol):
    """Finds devices of one sort.

    A driver is made with the settings of nova-compute's start and then only asked; it opens nothing and runs nothing.
    """

    name: str
    """As in ``enabled_drivers``."""
    specific: bool
    """Whether it goes before drivers that take any vendor."""

    def __init__(self, settings: Settings) -> None:
        """Read what concerns the driver.

        :raises nova_accel.exception.ConfigurationError: when an option of its own cannot be right
        """


@runtime_checkable
class SsdDriver(Driver, Protocol):
    """A driver for NVMe SSDs."""

    def wants(self, function: SeenFunction) -> bool:
        """Whether the configuration gives this function to the driver."""

    def device(self, function: SeenFunction) -> Device:
        """Describe a function that the driver wants as device, deployable and attach handle."""


@runtime_checkable
class ChoosesByName(Protocol):
    """A driver that knows by name what it takes, so that one which is not there can be told."""

    @property
    def names(self) -> frozenset[str]:
        """The names in its configuration."""


@runtime_checkable
class NamespaceDriver(Driver, Protocol):
    """A driver for PMEM namespaces."""

    def label(self, name: str | None) -> str | None:
        """The label under which a namespace of that name is offered; None when the driver does not take it."""

    def device(self, region: SeenRegion, namespaces: Sequence[SeenNamespace]) -> Device:
        """Describe a region with those of its namespaces that the driver takes."""
