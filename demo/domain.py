"""What of a domain's XML is ours: the elements through which the guest gets its SSD and its persistent memory."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from nova_accel.xml.alias import alias_for, alias_of
from nova_accel.xml.memory import NvdimmMemory


@dataclass(frozen=True)
class Element:
    """One ``<hostdev>`` or ``<memory>``."""

    kind: str
    place: str
    """The PCI address or the dax device on the host."""
    alias: str
    """Names the SSD or the namespace."""
    managed: str | None
    """Of a host device: whether libvirt binds it, too."""
    guest_bytes: int | None
    """Of persistent memory: what the guest sees of it."""

    def names(self, identity: str | None) -> bool:
        """Whether its alias names this SSD or namespace."""
        return identity is not None and self.alias == alias_for(identity)


def elements(xml: str) -> list[Element]:
    """Our host devices, then our NVDIMMs, each in the order of the XML."""
    root = etree.fromstring(xml.encode())
    hostdevs = [_hostdev(one) for one in root.iterfind("devices/hostdev[@type='pci']")]
    return hostdevs + [_nvdimm(one) for one in root.iterfind("devices/memory[@model='nvdimm']")]


def _hostdev(element: etree._Element) -> Element:
    at = element.find("source/address")
    assert at is not None
    domain, bus, slot, function = (int(at.get(name, ""), 16) for name in ("domain", "bus", "slot", "function"))
    place = f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"
    return Element("SSD", place, alias_of(element) or "", element.get("managed"), None)


def _nvdimm(element: etree._Element) -> Element:
    read = NvdimmMemory.from_element(element)
    promised = read.guest_bytes if read else None
    return Element("PMEM", element.findtext("source/path", ""), alias_of(element) or "", None, promised)
