"""Every touch of Nova that its public driver interface does not offer. Each has a test that fails when Nova changes it."""

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import nova.conf
from nova import context as nova_context
from nova import exception as nova_exception
from nova.compute import vm_states
from nova.compute.provider_tree import ProviderTree
from nova.objects.instance import Instance, InstanceList
from nova.objects.migration import Migration, MigrationList
from nova.objects.resource import Resource
from nova.pci.whitelist import Whitelist
from oslo_log import log as logging

from nova_accel.model import HandleId, PciRecord
from nova_accel.parsers.ndctl import NamespaceRecord
from nova_accel.provider_tree.apply import Leftover
from nova_accel.virt.evidence import MigrationFacts, ServerFacts
from nova_accel.virt.reconcile import Claims, Moved

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)

_WITH_SECRETS = 1  # libvirt's VIR_DOMAIN_SAVE_IMAGE_XML_SECURE: else a password would be gone with the next definition

# A failed one counts too: what it left behind may be the only copy.
_UNFINISHED = [
    *("queued", "accepted", "preparing", "pre-migrating", "migrating", "running", "post-migrating", "finished"),
    *("confirming", "reverting", "error", "failed"),
]
# A server that is not built yet, or that failed, may claim what it never gets.
_WITHOUT_CLAIM = (vm_states.BUILDING, vm_states.ERROR, vm_states.DELETED, vm_states.SHELVED_OFFLOADED)


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


def server_facts(server: str) -> ServerFacts | None:
    """What Nova's database says about a server, deleted ones included; None when it does not know it.

    :raises Exception: what Nova's objects raise when the database cannot be asked
    """
    context = nova_context.get_admin_context(read_deleted="yes")
    try:
        instance = Instance.get_by_uuid(context, server, expected_attrs=["resources", "migration_context"])
    except nova_exception.InstanceNotFound:
        return None
    return ServerFacts(
        deleted=bool(instance.deleted),
        host=instance.host,
        vm_state=instance.vm_state,
        task_state=instance.task_state,
        claimed=_claimed_by(instance),
        migrations=tuple(
            _facts_of(one)
            for one in sorted(MigrationList.get_by_filters(context, {"instance_uuid": server}), key=lambda one: one.id)
        ),
        has=_ours(instance.resources),
    )


def _facts_of(migration: Migration) -> MigrationFacts:
    return MigrationFacts(
        migration.status, migration.source_compute, migration.dest_compute, migration.migration_type or ""
    )


def _ours(resources: Iterable[Resource] | None) -> frozenset[HandleId]:
    """The handles among claimed resources that are not of Nova's own vPMEM."""
    return frozenset(HandleId(one.resource_class, one.identifier) for one in resources or () if not is_novas_own(one))


def _claimed_by(instance: Instance) -> frozenset[HandleId]:
    move = instance.migration_context
    claims = (instance.resources, *((move.old_resources, move.new_resources) if move else ()))
    return frozenset[HandleId]().union(*map(_ours, claims))


def is_novas_own(resource: Resource) -> bool:
    """Whether a claimed resource is one of Nova's own vPMEM, which has the same classes; only those carry metadata."""
    return "metadata" in resource and resource.metadata is not None


def has_devices_of_ours(instance: Any) -> bool:
    """Whether Nova claimed devices for a server that are not its own vPMEM; on whatever host, whose ledger need not know them."""
    return any(not is_novas_own(one) for one in instance.resources or [])


def move_concerns_us(instance: Any) -> bool:
    """Whether what a move of a server, which may have failed long ago, says of before and after names devices of ours."""
    move = instance.migration_context
    return move is not None and bool(_ours(move.old_resources) | _ours(move.new_resources))


def forget_move(instance: Any) -> None:
    """Have Nova forget what a move that failed says of before and after."""
    instance.drop_migration_context()


def resources_by_database(instance: Any) -> list[Resource]:
    """What a server has, whatever a move says of after: Nova lets its driver see that where it rebuilds a server.

    :raises Exception: what Nova's objects raise when the database cannot be asked
    """
    found = Instance.get_by_uuid(nova_context.get_admin_context(), instance.uuid, expected_attrs=["resources"])
    return list(found.resources or ())


def consumers(virtapi: Any, leftover: Leftover) -> list[str]:
    """Who has an allocation in Placement from a resource class of a provider: servers, migrations, or whatever was given one.

    :raises Exception: what Nova's report client raises when Placement cannot be asked
    """
    client = virtapi._compute.reportclient
    context = nova_context.get_admin_context()
    allocations = client.get_allocations_for_resource_provider(context, leftover.provider_uuid).allocations
    return [consumer for consumer, one in allocations.items() if leftover.resource_class in one["resources"]]


def forgotten(consumer: str) -> str:
    """Why Nova will never give back what a consumer has in Placement; nothing if it may.

    :raises Exception: what Nova's objects raise when the database cannot be asked
    """
    if _exists(consumer):
        return ""
    try:
        migration = Migration.get_by_uuid(nova_context.get_admin_context(), consumer)
    except nova_exception.MigrationNotFound:
        return "which is neither a server nor a migration of this cell"
    server = migration.instance_uuid
    return "" if _exists(server) else f"the migration of server {server}, which was deleted in the middle of it"


def _exists(server: str) -> bool:
    try:
        Instance.get_by_uuid(nova_context.get_admin_context(), server, expected_attrs=[])
    except nova_exception.InstanceNotFound:
        return False
    return True


def claims(host: str) -> Claims:
    """What the servers of a host have that are not its own vPMEM; of those only with which nothing is happening, and that were built.

    And what servers had before moves from it that have not come to their end, failed ones too.

    :raises Exception: what Nova's objects raise when the database cannot be asked
    """
    context = nova_context.get_admin_context()
    servers = InstanceList.get_by_host(context, host, expected_attrs=["resources"])
    idle = {
        one.uuid: found
        for one in servers
        if one.task_state is None and one.vm_state not in _WITHOUT_CLAIM and (found := _ours(one.resources))
    }
    return Claims(idle, tuple(_moved(context, host)))


def _moved(context: nova_context.RequestContext, host: str) -> Iterator[Moved]:
    # Not what a move to this host is to have: until its server is here and nothing is happening with it, it may never get that.
    from_here = MigrationList.get_by_filters(context, {"source_compute": host, "status": _UNFINISHED})
    by_id = {one.id: _facts_of(one) for one in from_here}
    if not by_id:
        return
    wanted = {"uuid": sorted({one.instance_uuid for one in from_here}), "deleted": False}
    for server in InstanceList.get_by_filters(context, wanted, expected_attrs=["migration_context"]):
        claimed = server.migration_context
        if claimed and claimed.migration_id in by_id and (old := _ours(claimed.old_resources)):
            is_open = server.vm_state == vm_states.RESIZED or server.task_state is not None
            yield Moved(server.uuid, old, may_come_back=is_open and by_id[claimed.migration_id].is_undecided)


def claimants(host: str) -> dict[HandleId, set[str]]:
    """Which servers have, or may go back to, handles of a host: those on it, and those whose move from or to it is unfinished.

    :raises Exception: what Nova's objects raise when the database cannot be asked
    """
    context = nova_context.get_admin_context()
    wanted = ["resources", "migration_context"]
    servers = {one.uuid: one for one in InstanceList.get_by_host(context, host, expected_attrs=wanted)}
    migrations = MigrationList.get_by_filters(context, {"host": host, "status": _UNFINISHED})
    for migration in migrations:
        if migration.instance_uuid not in servers:
            with contextlib.suppress(nova_exception.InstanceNotFound):
                servers[migration.instance_uuid] = Instance.get_by_uuid(context, migration.instance_uuid, wanted)
    going_on = {one.id for one in migrations if not _facts_of(one).has_failed}
    found: dict[HandleId, set[str]] = {}
    for uuid, server in servers.items():
        for handle in _wanted_by(server, going_on):
            found.setdefault(handle, set()).add(uuid)
    return found


def _wanted_by(server: Instance, going_on: Collection[int]) -> frozenset[HandleId]:
    """What a server has or may go back to, and what it is to have if its move is among those that go on.

    Nova keeps what a move said of before and after when that has failed, and the claims of a server that it has offloaded.
    """
    has, move = _ours(server.resources), server.migration_context
    old = _ours(move.old_resources) if move else frozenset()
    new = _ours(move.new_resources) if move and move.migration_id in going_on else frozenset()
    return (old | new) - has if server.vm_state == vm_states.SHELVED_OFFLOADED else old | new | has


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
