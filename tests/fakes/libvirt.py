"""Mends Nova's fake libvirt where the real one does something else that we rely on."""

import copy
from typing import Any

import fixtures
from lxml import etree
from nova.tests.fixtures import libvirt as fakelibvirt

# What libvirt gives back as it was defined and the fake forgets, or fills with what it expects.
_KEPT = ("maxMemory", "cpu")


class DefinitionsAreKept(fixtures.Fixture):
    """libvirt gives back an alias that begins with ``ua-``, memory devices, their room and the guest's NUMA cells as defined.

    The fake numbers all host devices anew, knows only the memory devices that Nova itself makes, and forgets the rest.
    """

    def _setUp(self) -> None:  # noqa: N802  the fixtures library's name
        parsed = fakelibvirt.Domain._parse_definition
        described = fakelibvirt.Domain.XMLDesc

        def parse_definition(domain: Any, xml: Any) -> Any:
            domain.as_defined = etree.fromstring(xml)
            domain.user_aliases = _user_aliases(domain.as_defined)
            return parsed(domain, xml)

        def xml_desc(domain: Any, flags: int) -> str:
            root = etree.fromstring(described(domain, flags))
            for element in root.iterfind("devices/hostdev"):
                alias = domain.user_aliases.get(_address(element))
                if alias is not None:
                    # Nova 31's fake writes no alias at all.
                    found = element.find("alias")
                    (etree.SubElement(element, "alias") if found is None else found).set("name", alias)
            _restore(root, domain.as_defined)
            return etree.tostring(root).decode()

        self.useFixture(fixtures.MonkeyPatch("nova.tests.fixtures.libvirt.Domain._parse_definition", parse_definition))
        self.useFixture(fixtures.MonkeyPatch("nova.tests.fixtures.libvirt.Domain.XMLDesc", xml_desc))


def _restore(root: etree._Element, defined: etree._Element) -> None:
    for name in _KEPT:
        for element in root.findall(name):
            root.remove(element)
        root.extend(copy.deepcopy(element) for element in defined.findall(name))
    devices = root.find("devices")
    for element in devices.findall("memory"):
        devices.remove(element)
    devices.extend(copy.deepcopy(element) for element in defined.iterfind("devices/memory"))


def _user_aliases(domain: etree._Element) -> dict[tuple[str, ...], str]:
    found = {_address(one): one.find("alias") for one in domain.iterfind("devices/hostdev")}
    return {
        address: alias.get("name")
        for address, alias in found.items()
        if alias is not None and alias.get("name", "").startswith("ua-")
    }


def _address(hostdev: etree._Element) -> tuple[str, ...]:
    address = hostdev.find("source/address")
    return tuple(sorted(f"{key}={value}" for key, value in address.items())) if address is not None else ()
