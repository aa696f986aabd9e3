"""A PCI address as libvirt writes it on the source of a device."""

from lxml import etree

from nova_accel.model import PciAddress


def to_element(address: PciAddress) -> etree._Element:
    """The ``<address>`` of a source."""
    return etree.Element(
        "address",
        domain=f"0x{address.domain:04x}",
        bus=f"0x{address.bus:02x}",
        slot=f"0x{address.slot:02x}",
        function=f"0x{address.function:x}",
    )


def source_address(device: etree._Element) -> PciAddress | None:
    """The host's address that a device element takes; None when it names none."""
    element = device.find("source/address")
    if element is None:
        return None
    domain, bus, slot, function = (int(element.get(key, "0"), 16) for key in ("domain", "bus", "slot", "function"))
    return PciAddress(domain, bus, slot, function)
