"""Mends Nova's fake libvirt where the real one does something else that we rely on."""

import copy
from typing import Any

import fixtures
from lxml import etree
from nova.tests.fixtures import libvirt as fakelibvirt

# What libvirt gives back as it was defined and the fake forgets, or fills with what it expects.
_KEPT = ("maxMemory", "cpu")
_HAS_A_PROCESS = (fakelibvirt.VIR_DOMAIN_RUNNING, fakelibvirt.VIR_DOMAIN_PAUSED)


class DefinitionsAreKept(fixtures.Fixture):
    """libvirt gives back an alias that begins with ``ua-``, memory devices, their room and the guest's NUMA cells as defined.

    The fake numbers all host devices anew, knows only the memory devices that Nova itself makes, and forgets the rest. It knows no
    difference between a domain's definition and what its guest has now either, and forgets a saved guest with the next definition.
    """

    def _setUp(self) -> None:  # noqa: N802  the fixtures library's name
        for owner, name, made in (
            ("Domain", "_parse_definition", _parse_definition),
            ("Domain", "XMLDesc", _xml_desc),
            ("Domain", "createWithFlags", _create),
            ("Domain", "managedSave", _managed_save),
            ("Domain", "managedSaveRemove", _managed_save_remove),
            ("Domain", "managedSaveGetXMLDesc", _managed_save_xml),
            ("Domain", "managedSaveDefineXML", _managed_save_define),
            ("Domain", "attachDeviceFlags", _attach),
            ("Domain", "detachDeviceFlags", _detach),
            ("Connection", "defineXML", _define),
        ):
            mended = made(getattr(getattr(fakelibvirt, owner), name, None))
            self.useFixture(fixtures.MonkeyPatch(f"nova.tests.fixtures.libvirt.{owner}.{name}", mended))


def _parse_definition(parsed: Any) -> Any:
    def parse_definition(domain: Any, xml: Any) -> Any:
        domain.as_defined = etree.fromstring(xml)
        domain.in_guest = _ours(domain.as_defined)
        domain.ever_ours = set(domain.in_guest)
        domain.memory = domain.as_defined.findall("devices/memory")
        return parsed(domain, xml)

    return parse_definition


def _xml_desc(described: Any) -> Any:
    def xml_desc(domain: Any, flags: int) -> str:
        root = etree.fromstring(described(domain, flags))
        running = domain._state in _HAS_A_PROCESS
        if running:
            root.set("id", "1")
        inactive = (flags or 0) & fakelibvirt.VIR_DOMAIN_XML_INACTIVE
        ours = domain.in_guest if running and not inactive else _ours(domain.as_defined)
        devices = root.find("devices")
        for element in devices.findall("hostdev"):
            if _address(element) in domain.ever_ours:
                devices.remove(element)
        devices.extend(copy.deepcopy(element) for element in ours.values())
        _restore(root, domain.as_defined, domain.as_defined.findall("devices/memory") if inactive else domain.memory)
        return etree.tostring(root).decode()

    return xml_desc


def _create(created: Any) -> Any:
    def create(domain: Any, flags: int) -> None:
        # A saved guest comes back as it was saved; the definition is for one that begins anew.
        if domain._has_saved_state:
            domain.memory = domain.saved.findall("devices/memory")
        else:
            domain.in_guest = _ours(domain.as_defined)
            domain.memory = domain.as_defined.findall("devices/memory")
        created(domain, flags)

    return create


def _managed_save(saved: Any) -> Any:
    def managed_save(domain: Any, flags: int) -> None:
        _refuse_unless(not getattr(domain, "cannot_be_saved", False), "the image cannot be written")
        domain.saved = etree.fromstring(domain.XMLDesc(0))
        del domain.saved.attrib["id"]
        saved(domain, flags)
        domain._state = fakelibvirt.VIR_DOMAIN_SHUTOFF

    return managed_save


def _managed_save_xml(_: None) -> Any:
    return lambda domain, flags: etree.tostring(domain.saved).decode()


def _managed_save_define(_: None) -> Any:
    def managed_save_define(domain: Any, xml: str, flags: int) -> None:
        domain.saved = etree.fromstring(xml)

    return managed_save_define


def _managed_save_remove(removed: Any) -> Any:
    # The fake calls its own method without the argument that it asks for.
    return lambda domain, flags=0: removed(domain, flags)


def _define(defined: Any) -> Any:
    def define(connection: Any, xml: Any) -> Any:
        known = {guest.UUIDString(): guest for guest in connection._vms.values()}
        domain = defined(connection, xml)
        before = known.get(domain.UUIDString())
        if before is not None:
            domain._has_saved_state = before._has_saved_state
            domain.does_not_take = getattr(before, "does_not_take", ())
            domain.cannot_be_saved = getattr(before, "cannot_be_saved", False)
            if before._has_saved_state:
                domain.saved = before.saved
                domain.in_guest = before.in_guest
                domain.ever_ours |= before.ever_ours
        return domain

    return define


def _attach(attached: Any) -> Any:
    def attach(domain: Any, xml: Any, flags: int) -> None:
        element = etree.fromstring(xml)
        if not _is_ours(element):
            attached(domain, xml, flags)
            return
        _refuse_unless(_alias(element) not in getattr(domain, "does_not_take", ()), "the device does not fit")
        domain.ever_ours.add(_address(element))
        if flags & fakelibvirt.VIR_DOMAIN_AFFECT_CONFIG:
            domain.as_defined.find("devices").append(copy.deepcopy(element))
        if flags & fakelibvirt.VIR_DOMAIN_AFFECT_LIVE:
            _refuse_unless(domain._state in _HAS_A_PROCESS, "the domain does not run")
            domain.in_guest[_address(element)] = element

    return attach


def _detach(detached: Any) -> Any:
    def detach(domain: Any, xml: Any, flags: int) -> None:
        element = etree.fromstring(xml)
        if not _is_ours(element):
            detached(domain, xml, flags)
            return
        at = _address(element)
        if flags & fakelibvirt.VIR_DOMAIN_AFFECT_CONFIG:
            found = _ours(domain.as_defined)
            _refuse_unless(at in found, "no such device in the definition")
            domain.as_defined.find("devices").remove(
                next(one for one in domain.as_defined.iterfind("devices/hostdev") if _address(one) == at)
            )
        if flags & fakelibvirt.VIR_DOMAIN_AFFECT_LIVE:
            _refuse_unless(at in domain.in_guest, "no such device in the guest")
            if _alias(element) not in getattr(domain, "does_not_let_go_of", ()):
                del domain.in_guest[at]
                _tell_that_it_left(domain, _alias(element))

    return detach


def _tell_that_it_left(domain: Any, alias: str) -> None:
    callback = domain._connection._event_callbacks.get(fakelibvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED)
    if callback is not None:
        callback[0](domain._connection, domain, alias, callback[1])


def _refuse_unless(possible: bool, why: str) -> None:
    if not possible:
        raise fakelibvirt.make_libvirtError(
            fakelibvirt.libvirtError,
            why,
            error_code=fakelibvirt.VIR_ERR_DEVICE_MISSING,
            error_domain=fakelibvirt.VIR_FROM_QEMU,
        )


def _restore(root: etree._Element, defined: etree._Element, memory: list[etree._Element]) -> None:
    for name in _KEPT:
        for element in root.findall(name):
            root.remove(element)
        root.extend(copy.deepcopy(element) for element in defined.findall(name))
    devices = root.find("devices")
    for element in devices.findall("memory"):
        devices.remove(element)
    devices.extend(copy.deepcopy(element) for element in memory)


def _ours(domain: etree._Element) -> dict[tuple[str, ...], etree._Element]:
    """Host devices with an alias that is the user's own, by their addresses."""
    return {_address(one): copy.deepcopy(one) for one in domain.iterfind("devices/hostdev") if _is_ours(one)}


def _is_ours(element: etree._Element) -> bool:
    return element.tag == "hostdev" and _alias(element).startswith("ua-")


def _alias(element: etree._Element) -> str:
    alias = element.find("alias")
    return alias.get("name", "") if alias is not None else ""


def _address(hostdev: etree._Element) -> tuple[str, ...]:
    address = hostdev.find("source/address")
    return tuple(sorted(f"{key}={value}" for key, value in address.items())) if address is not None else ()
