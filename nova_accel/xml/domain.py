"""What of the host a whole domain takes: its PCI devices and its persistent memory, ours and others'."""

from collections.abc import Mapping

from lxml import etree

from nova_accel.model import PciAddress
from nova_accel.xml import address as pci
from nova_accel.xml.alias import alias_of


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


def with_nvdimm_paths(domain_xml: str, paths: Mapping[str, str]) -> str:
    """A domain's XML with other paths for memory devices of ours; the same text when it has these paths already.

    :param paths: by alias
    """
    root = etree.fromstring(domain_xml.encode())
    wrong = [
        (where, path)
        for element in root.iterfind("devices/memory")
        if (path := paths.get(alias_of(element) or "")) is not None
        and (where := element.find("source/path")) is not None
        and where.text != path
    ]
    for where, path in wrong:
        where.text = path
    return etree.tostring(root, encoding="unicode") if wrong else domain_xml


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
