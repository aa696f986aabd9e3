"""Every touch of Nova that its public driver interface does not offer. Each has a test that fails when Nova changes it."""

from typing import Any

from nova import context as nova_context
from nova import exception as nova_exception
from nova.objects.instance import Instance
from nova.objects.resource import Resource
from oslo_log import log as logging

LOG = logging.getLogger(__name__)


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


def is_deleted(server: str) -> bool:
    """Whether Nova's database holds the server as deleted; a server that it does not hold at all counts as not deleted."""
    context = nova_context.get_admin_context(read_deleted="yes")
    try:
        return bool(Instance.get_by_uuid(context, server, expected_attrs=[]).deleted)
    except nova_exception.InstanceNotFound:
        LOG.warning("Server %s has devices of this host, but is not in Nova's database; they stay reserved", server)
        return False
