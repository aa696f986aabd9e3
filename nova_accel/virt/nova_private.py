"""Every touch of Nova that its public driver interface does not offer. Each has a test that fails when Nova changes it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import nova.conf
from nova import context as nova_context
from nova.compute.provider_tree import ProviderTree
from nova.objects.resource import Resource
from nova.pci.whitelist import Whitelist

from nova_accel.model import PciRecord
from nova_accel.parsers.ndctl import NamespaceRecord
from nova_accel.provider_tree.apply import Leftover

CONF = nova.conf.CONF

_WITH_SECRETS = 1  # libvirt's VIR_DOMAIN_SAVE_IMAGE_XML_SECURE: else a password would be gone with the next definition


def claimed_resources(virtapi: Any) -> list[Resource] | None:
    """What the resource tracker counts as given out, migrations included; None where there is no tracker yet.

    Read under Nova's resource lock, which the caller of ``update_provider_tree`` holds.
    """
    tracker = getattr(getattr(virtapi, "_compute", None), "rt", None)
    if tracker is None:
        return None
    return [
        resource
        for by_class in list(tracker.assigned_resources.values())
        for resources in list(by_class.values())
        for resource in resources
    ]


def children(tree: ProviderTree, node: str) -> Mapping[str, Any]:
    """The providers right below a node by uuid, to be read and not kept: what the tree gives openly is a deep copy.

    :raises ValueError: when the node is not in the tree
    """
    with tree.lock:
        found: Mapping[str, Any] = tree._find_with_lock(node).children
    return found


def update_placement(virtapi: Any, nodenames: list[str]) -> None:
    """Have the resource tracker look at us again now, instead of at its next audit.

    Must be called with no lock of ours held: it takes Nova's resource lock.
    """
    tracker = getattr(getattr(virtapi, "_compute", None), "rt", None)
    if tracker is None:
        return
    for nodename in nodenames:
        if nodename in tracker.compute_nodes:
            tracker.update_available_resource(nova_context.get_admin_context(), nodename)


def consumers(virtapi: Any, leftover: Leftover) -> list[str]:
    """Who has an allocation in Placement from a resource class of a provider: servers, migrations, or whatever was given one.

    :raises Exception: what Nova's report client raises when Placement cannot be asked
    """
    client = virtapi._compute.reportclient
    context = nova_context.get_admin_context()
    allocations = client.get_allocations_for_resource_provider(context, leftover.provider_uuid).allocations
    return [consumer for consumer, one in allocations.items() if leftover.resource_class in one["resources"]]


def saved_xml(guest: Any) -> str | None:
    """The XML within what libvirt saved of a guest, secrets included; None when nothing is saved.

    :raises libvirt.libvirtError: when it cannot be read
    """
    if not guest._domain.hasManagedSaveImage(0):
        return None
    found: str = guest._domain.managedSaveGetXMLDesc(_WITH_SECRETS)
    return found


def change_saved_xml(guest: Any, xml: str) -> None:
    """Put another XML into what libvirt saved of a guest.

    :raises libvirt.libvirtError: when the guest would be another one with it, or it cannot be written
    """
    guest._domain.managedSaveDefineXML(xml, 0)


def detach(driver: Any, guest: Any, server: str, alias: str, conf: Callable[[bool], Any]) -> None:
    """Take a device out of a guest as Nova takes out disks: from its definition, then from the guest, asking it again and again.

    :param alias: how libvirt's event names it, without what marks it as ours
    :param conf: the device's configuration, or None once it is gone; from libvirt's definition if its argument is true
    :raises Exception: what Nova's libvirt driver raises when the guest does not let go
    """

    def found(from_persistent_config: bool = False) -> Any:
        return conf(from_persistent_config)

    driver._detach_with_retry(guest, server, found, alias)


def domain_xmls(driver: Any) -> Iterable[tuple[str, str]]:
    """Uuid and XML of every domain that libvirt knows here, running or not.

    :raises Exception: what Nova's libvirt layer raises when libvirt cannot be asked, or a domain ends meanwhile
    """
    return [(guest.uuid, guest.get_xml_desc()) for guest in driver._host.list_guests(only_running=False)]


def undefine(driver: Any, server: str) -> None:
    """Take away the domain of a server, with what libvirt keeps for it, if it does not run.

    :raises Exception: what Nova's libvirt layer raises
    """
    for guest in driver._host.list_guests(only_running=False):
        if guest.uuid == server and not guest.is_active():
            guest.delete_configuration()


def pci_device_spec() -> Callable[[PciRecord], str]:
    """A function that says whether ``[pci] device_spec`` gives a PCI function to Nova's own passthrough: the option, or nothing.

    :raises nova.exception.PciConfigInvalidSpec: when the option cannot be read
    """
    whitelist = Whitelist(CONF.pci.device_spec)

    def owner(record: PciRecord) -> str:
        device = {
            "address": str(record.address),
            "vendor_id": f"{record.vendor_id:04x}",
            "product_id": f"{record.product_id:04x}",
        }
        return "[pci] device_spec" if whitelist.device_assignable(device) else ""

    return owner


def names_pmem_namespace(record: NamespaceRecord) -> str:
    """``[libvirt] pmem_namespaces`` when it gives a namespace to Nova's own vPMEM, else nothing."""
    named = {name.strip() for item in CONF.libvirt.pmem_namespaces for name in item.partition(":")[2].split("|")}
    return "[libvirt] pmem_namespaces" if record.name in named else ""
