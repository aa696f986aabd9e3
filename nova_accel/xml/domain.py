"""What of the host a whole domain takes: its PCI devices and its persistent memory, ours and others'."""

from collections.abc import Iterable

from lxml import etree

from nova_accel.model import PciAddress
from nova_accel.xml import address as pci
from nova_accel.xml.alias import alias_of
from nova_accel.xml.hostdev import PciHostdev
from nova_accel.xml.memory import NvdimmMemory


def pci_addresses(domain_xml: str) -> dict[PciAddress, str | None]:
    """Addresses of all the host's PCI devices in a domain's XML, with the alias of those that are ours.

    Besides host devices there are disks that QEMU drives itself (``<disk type='nvme'>``) and VFs as interfaces.
    """
    found: dict[PciAddress, str | None] = {}
    root = etree.fromstring(domain_xml.encode())
    for kind in ("hostdev[@type='pci']", "disk[@type='nvme']", "interface[@type='hostdev']"):
        for element in root.iterfind(f"devices/{kind}"):
            address = pci.source_address(element)
            if address is not None:
                found[address] = None if address in found else alias_of(element)
    return found


def host_devices(domain_xml: str) -> frozenset[str]:
    """What a domain's XML takes of the host's PCI and mediated devices, by address or uuid, whoever put it there."""
    addresses = etree.fromstring(domain_xml.encode()).iterfind("devices/hostdev[@type='mdev']/source/address")
    mediated = {uuid for one in addresses if (uuid := one.get("uuid")) is not None}
    return frozenset({*map(str, pci_addresses(domain_xml)), *mediated})


def nvdimm_paths(domain_xml: str) -> dict[str, str | None]:
    """Paths on the host behind all memory devices in a domain's XML, with the alias of those that are ours.

    libvirt lets a domain name one path twice. Such a path has no alias here: it is not what we wrote.
    """
    found: dict[str, str | None] = {}
    for element in etree.fromstring(domain_xml.encode()).iterfind("devices/memory"):
        path = element.findtext("source/path")
        if path is not None:
            found[path] = None if path in found else alias_of(element)
    return found


def renewed(domain_xml: str, elements: Iterable[PciHostdev | NvdimmMemory]) -> str:
    """A stored domain's XML with our devices where they are now; the same text when they are there already.

    :param elements: the devices as they are now; what is not in the XML is not put into it
    """
    root = etree.fromstring(domain_xml.encode())
    places = {one.alias: one.path if isinstance(one, NvdimmMemory) else pci.to_element(one.address) for one in elements}
    named = [(alias_of(one), one) for one in root.iterfind("devices/*")]
    changed = [_put(element, places[alias]) for alias, element in named if alias is not None and alias in places]
    return etree.tostring(root, encoding="unicode") if any(changed) else domain_xml


def _put(device: etree._Element, place: str | etree._Element) -> bool:
    """Let a device's element name another place on the host; whether that changed anything."""
    source = device.find("source/path" if isinstance(place, str) else "source/address")
    if source is None:
        return False
    before = etree.tostring(source)
    if isinstance(place, str):
        source.text = place
    else:
        source.attrib.update(place.attrib)
    return etree.tostring(source) != before


def memory_bytes(domain_xml: str) -> int:
    """All of a domain's memory as libvirt gives it back: it counts the memory devices, also persistent ones, and always in KiB."""
    return int(etree.fromstring(domain_xml.encode()).findtext("memory", "0")) * 1024


def disk_paths(domain_xml: str) -> frozenset[str]:
    """Paths on the host of all block devices that are disks in a domain's XML, as they stand there: links are not followed."""
    sources = etree.fromstring(domain_xml.encode()).iterfind("devices/disk[@type='block']/source")
    return frozenset(path for source in sources if (path := source.get("dev")) is not None)


def is_running(domain_xml: str) -> bool:
    """Whether this is the XML of a domain that runs now: libvirt numbers those."""
    return etree.fromstring(domain_xml.encode()).get("id", "-1") != "-1"
