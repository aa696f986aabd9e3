"""Puts an element of ours among the devices of Nova's guest configuration."""

from lxml import etree
from nova.virt.libvirt import config as vconfig

from nova_accel.xml.hostdev import PciHostdev


class GuestHostdev(vconfig.LibvirtConfigGuestDevice):
    """A host device as Nova's configuration objects go: something with ``format_dom``."""

    def __init__(self, hostdev: PciHostdev) -> None:
        super().__init__(root_name="hostdev")
        self.hostdev = hostdev

    def format_dom(self) -> etree._Element:
        """The element, as :mod:`nova_accel.xml` makes it."""
        return self.hostdev.to_element()
