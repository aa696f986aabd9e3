"""What Nova's database says of servers and their moves, and which of the devices in it are ours.

Each thing that is read has a test that fails when Nova changes it.
"""

import contextlib
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova.compute import vm_states
from nova.objects.instance import Instance, InstanceList
from nova.objects.migration import Migration, MigrationList
from nova.objects.resource import Resource

from nova_accel.model import HandleId
from nova_accel.virt.evidence import MigrationFacts, ServerFacts
from nova_accel.virt.reconcile import Claims, Moved

# A failed one counts too: what it left behind may be the only copy.
_UNFINISHED = [
    *("queued", "accepted", "preparing", "pre-migrating", "migrating", "running", "post-migrating", "finished"),
    *("confirming", "reverting", "error", "failed"),
]
# A server that is not built yet, or that failed, may claim what it never gets.
_WITHOUT_CLAIM = (vm_states.BUILDING, vm_states.ERROR, vm_states.DELETED, vm_states.SHELVED_OFFLOADED)


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
