"""A PCI device that a guest gets as a whole."""

from dataclasses import dataclass
from typing import Self

from lxml import etree

from nova_accel.model import PciAddress
from nova_accel.xml import address as pci
from nova_accel.xml import alias as names


@dataclass(frozen=True)
class PciHostdev:
    """``<hostdev mode='subsystem' type='pci' managed='no'>``: libvirt neither binds nor unbinds it, we do."""

    address: PciAddress
    alias: str
    """Names the handle in the guest's XML and in QEMU."""
    rom: bool = False
    """Whether the guest's firmware may run the device's option ROM."""

    def to_element(self) -> etree._Element:
        """The element as libvirt takes it."""
        hostdev = etree.Element("hostdev", mode="subsystem", type="pci", managed="no")
        etree.SubElement(hostdev, "source").append(pci.to_element(self.address))
        hostdev.append(names.to_element(self.alias))
        etree.SubElement(hostdev, "rom", enabled="yes" if self.rom else "no")
        return hostdev

    @classmethod
    def from_element(cls, element: etree._Element) -> Self | None:
        """Read one of ours, also as libvirt gives it back; None for a hostdev that is not ours."""
        alias = names.alias_of(element)
        address = pci.source_address(element)
        if alias is None or address is None:
            return None
        rom = element.find("rom")
        return cls(address=address, alias=alias, rom=rom is None or rom.get("enabled", "yes") == "yes")
