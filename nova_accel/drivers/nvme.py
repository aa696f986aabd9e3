"""NVMe SSDs of any vendor, chosen by the operator's filter. One SSD is one device, one deployable and one attach handle."""

from nova_accel.conf import Settings
from nova_accel.drivers.base import SeenFunction
from nova_accel.drivers.filters import SsdFilter
from nova_accel.drivers.vendors import VENDOR_WORDS
from nova_accel.exception import ConfigurationError
from nova_accel.model import AttachHandle, Deployable, Device, HandleId, HandleKind, PciRecord

RESOURCE_CLASS = "CUSTOM_SSD"


class NvmeSsdDriver:
    """Takes the NVMe SSDs that pass ``nvme_ssd_filter``."""

    name = "nvme_ssd_driver"
    specific = False

    def __init__(self, settings: Settings) -> None:
        if not settings.nvme_ssd_filters:
            raise ConfigurationError(
                "nvme_ssd_filter",
                "",
                f"{self.name} needs at least one, such as vendor_id:8086 (vendor_id:* takes every NVMe SSD)",
            )
        self._filters = tuple(SsdFilter.parse(text) for text in settings.nvme_ssd_filters)

    def wants(self, function: SeenFunction) -> bool:
        """Whether it is an NVMe controller that passes one of the filters."""
        return function.record.is_nvme and any(one.passes(function) for one in self._filters)

    def device(self, function: SeenFunction) -> Device:
        """Describe the SSD; see :func:`describe`."""
        return describe(self.name, function)


def describe(driver: str, function: SeenFunction) -> Device:
    """Make device, deployable and attach handle of one SSD.

    An SSD whose serial cannot be read gets an identity made of its address, so that it can be shown; it is never offered.
    """
    record = function.record
    identity = function.serial or f"unidentified at {record.address}"
    handle = AttachHandle(
        id=HandleId(RESOURCE_CLASS, identity),
        kind=HandleKind.PCI,
        address=str(record.address),
        incarnation=function.incarnation,
        numa_node=function.numa_node,
    )
    deployable = Deployable(
        kind="ssd",
        identity=identity,
        traits=traits(record, function.numa_node),
        handles=(handle,),
    )
    return Device(driver=driver, deployables=(deployable,))


def traits(record: PciRecord, numa_node: int | None) -> frozenset[str]:
    """The traits of an SSD: vendor word where the table has one, vendor id, product id, NUMA node where it is known."""
    found = {
        f"CUSTOM_SSD_VENDOR_ID_{record.vendor_id:04X}",
        f"CUSTOM_SSD_PRODUCT_ID_{record.product_id:04X}",
    }
    if record.vendor_id in VENDOR_WORDS:
        found.add(f"CUSTOM_SSD_{VENDOR_WORDS[record.vendor_id]}")
    if numa_node is not None:
        found.add(f"CUSTOM_NUMA_NODE_{numa_node}")
    return frozenset(found)
