"""The contract of a driver."""

from dataclasses import dataclass
from typing import Protocol

from nova_accel.conf import Settings
from nova_accel.model import Device, PciRecord


@dataclass(frozen=True)
class SeenFunction:
    """One PCI function that lspci listed, with what sysfs and our memory say about it."""

    record: PciRecord
    incarnation: str
    numa_node: int | None
    serial: str | None
    """None when the device shows none and none was seen during this presence."""


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

    def wants(self, function: SeenFunction) -> bool:
        """Whether the configuration gives this function to the driver."""

    def device(self, function: SeenFunction) -> Device:
        """Describe a function that the driver wants as device, deployable and attach handle."""
