"""A PCI device that a guest gets as a whole."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from lxml import etree

from nova_accel.model import PciAddress

_ALIAS_PREFIX = "ua-accel-"  # libvirt leaves to users what begins with ua-
_NOT_IN_ALIAS = re.compile(r"[^A-Za-z0-9_-]", re.ASCII)


def alias_for(identity: str) -> str:
    """A word for a handle that libvirt takes as alias; two identities never get the same one."""
    tame = _NOT_IN_ALIAS.sub("_", identity)
    return tame if tame == identity else f"{tame}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


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
        source = etree.SubElement(hostdev, "source")
        etree.SubElement(
            source,
            "address",
            domain=f"0x{self.address.domain:04x}",
            bus=f"0x{self.address.bus:02x}",
            slot=f"0x{self.address.slot:02x}",
            function=f"0x{self.address.function:x}",
        )
        etree.SubElement(hostdev, "alias", name=_ALIAS_PREFIX + self.alias)
        etree.SubElement(hostdev, "rom", enabled="yes" if self.rom else "no")
        return hostdev

    @classmethod
    def from_element(cls, element: etree._Element) -> Self | None:
        """Read one of ours, also as libvirt gives it back; None for a hostdev that is not ours."""
        alias = element.find("alias")
        address = element.find("source/address")
        if alias is None or address is None or not alias.get("name", "").startswith(_ALIAS_PREFIX):
            return None
        rom = element.find("rom")
        return cls(
            address=_address(address),
            alias=alias.get("name", "").removeprefix(_ALIAS_PREFIX),
            rom=rom is None or rom.get("enabled", "yes") == "yes",
        )


def pci_addresses(domain_xml: str) -> dict[PciAddress, str | None]:
    """Addresses of all PCI host devices in a domain's XML, with the alias of those that are ours."""
    found: dict[PciAddress, str | None] = {}
    for element in etree.fromstring(domain_xml.encode()).iterfind("devices/hostdev[@type='pci']"):
        ours = PciHostdev.from_element(element)
        address = element.find("source/address")
        if address is not None:
            found[_address(address)] = ours.alias if ours else None
    return found


def _address(element: etree._Element) -> PciAddress:
    domain, bus, slot, function = (int(element.get(key, "0"), 16) for key in ("domain", "bus", "slot", "function"))
    return PciAddress(domain, bus, slot, function)
