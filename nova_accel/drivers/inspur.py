"""NVMe SSDs of Inspur, told by number: vendor 1bd4 also sells an FPGA and a network card."""

from nova_accel.conf import Settings
from nova_accel.drivers import nvme
from nova_accel.drivers.base import SeenFunction
from nova_accel.model import Device

VENDOR_ID = 0x1BD4


class InspurNvmeSsdDriver:
    """Takes every NVMe SSD of vendor 1bd4; there is nothing to configure."""

    name = "inspur_nvme_ssd_driver"
    specific = True

    def __init__(self, settings: Settings) -> None:
        """Needs no setting of its own."""

    def wants(self, function: SeenFunction) -> bool:
        """Whether it is an NVMe controller of Inspur."""
        return function.record.is_nvme and function.record.vendor_id == VENDOR_ID

    def device(self, function: SeenFunction) -> Device:
        """Describe the SSD as :mod:`nova_accel.drivers.nvme` does."""
        return nvme.describe(self.name, function)
