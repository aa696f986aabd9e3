"""What is done after each kill and each fault, when everything works again: nothing may be wrong, and nothing may stay away."""

from collections.abc import Callable, Mapping

from nova import context as nova_context
from nova import objects
from nova.tests.functional.api.client import OpenStackApiException

from tests.faults import operators, rules
from tests.faults.cloud import HOST, Cloud
from tests.faults.findings import Rule
from tests.faults.missing import entry_of, missing

_ROUNDS = 3
_PMEM = "CUSTOM_PMEM_NAMESPACE_6GB"


def survive(cloud: Cloud, meanwhile: Callable[[Cloud], None] | None = None) -> None:
    """Start over the files that a dead process left, have what the host did to its devices come to an end, and go on.

    :param meanwhile: done before the servers are deleted
    """
    for host in cloud.world.hosts() or (HOST,):
        cloud.start(host)
    rules.look(cloud)
    for machine in cloud.machines.values():
        machine.mend()
    if meanwhile is not None:
        meanwhile(cloud)
    _until_all_is_back(cloud)


def have_it_go_on(cloud: Cloud) -> None:
    """Have each server used again that Nova may have left in the middle of something: it gets all back that it had."""
    _go_on_with(cloud, {})


def unshelved_and_used(cloud: Cloud) -> None:
    """The same; one that is offloaded is unshelved first."""
    _go_on_with(cloud, {"SHELVED_OFFLOADED": {"unshelve": None}})


def confirmed_and_used(cloud: Cloud) -> None:
    """The same; a move that is done is confirmed first."""
    _go_on_with(cloud, {"VERIFY_RESIZE": {"confirmResize": None}})


def reverted_and_used(cloud: Cloud) -> None:
    """The same; a move that is done is reverted first."""
    _go_on_with(cloud, {"VERIFY_RESIZE": {"revertResize": None}})


def _go_on_with(cloud: Cloud, first: Mapping[str, dict[str, None]]) -> None:
    """:param first: what a server is told to do, by the status in which it is after the kill"""
    cloud.round()
    rules.look(cloud)
    rules.kept(cloud)
    for server in cloud.api.get_servers():
        if server["status"] in first:
            _end(cloud, server, first[server["status"]])
        operators.reset_unless_idle(cloud, cloud.api.get_server(server["id"]))
        _reboot_and_read(cloud, server)
    cloud.round()
    rules.look(cloud)
    rules.kept(cloud)


def _end(cloud: Cloud, server: dict, action: dict[str, None]) -> None:
    """Have what Nova has done to a server come to its end: a move, or that it is away."""
    _put_its_image_back(cloud, server)
    try:
        cloud.api.post_server_action(server["id"], action)
    except OpenStackApiException as error:
        print(f"Nova has begun with {action} before it was killed, and does not do it now: {error}")
        return
    cloud._wait_for_state_change(server, "ACTIVE")
    cloud.round()
    rules.kept(cloud)


def _put_its_image_back(cloud: Cloud, server: dict) -> None:
    """Nova's fake Glance forgets with its process what a server was shelved with."""
    context = nova_context.get_admin_context()
    instance = objects.Instance.get_by_uuid(context, server["id"], expected_attrs=["system_metadata"])
    image = instance.system_metadata.get("shelved_image_id")
    if image is not None:
        cloud.glance.create(context, cloud.glance.image1 | {"id": image})


def _reboot_and_read(cloud: Cloud, server: dict) -> None:
    """A guest that starts finds what it has written, see :class:`tests.faults.rules.Watch`; and it has all that is its server's."""
    try:
        cloud._reboot_server(server, hard=True)
    except (AssertionError, OpenStackApiException) as error:
        print(cloud.stdlog.logger.output)
        cloud.world.findings.add(Rule.LOST, f"server {server['id']} does not start again: {error}")
        return
    running = [watch.running().get(server["id"], ()) for watch in cloud.watches.values()]
    has, is_its = {one for some in running for one in some}, set(cloud.in_instance(server))
    if not has or has != is_its:
        words = f"server {server['id']} runs with {sorted(has)}, while {sorted(is_its)} are its"
        cloud.world.findings.add(Rule.LOST, words)


def survive_and_fill(cloud: Cloud) -> None:
    """The same, and a guest runs on all of it in the end."""
    survive(cloud)
    _fill(cloud)


def go_on(cloud: Cloud) -> None:
    """After what was wrong is over, in the same process: the same."""
    _until_all_is_back(cloud)
    _fill(cloud)


def _until_all_is_back(cloud: Cloud) -> None:
    """A round, then every server goes, then everything must be there for the next ones."""
    rules.look(cloud)
    rules.kept(cloud)
    cloud.round()
    rules.look(cloud)
    rules.kept(cloud)
    _delete_all(cloud)
    for _ in range(_ROUNDS):
        cloud.round()
        rules.look(cloud)
        if not missing(cloud):
            return
    operators.speak(cloud)
    for identity in missing(cloud):
        cloud.world.findings.add(Rule.LOST, f"{identity} does not come back: {entry_of(cloud, identity)}")


def _delete_all(cloud: Cloud) -> None:
    for server in cloud.api.get_servers():
        # One that is being deleted already is done with at nova-compute's start, or refused.
        cloud.api.delete_server(server["id"])
        cloud._wait_until_deleted(server)


def _fill(cloud: Cloud) -> None:
    """One server gets everything: Placement, Nova's claim and the ledger agree, and all of it is empty."""
    ssds = len(cloud.machines[HOST].inner.ssds)
    groups = {f"resources{number}__CUSTOM_SSD": "1" for number in range(1, ssds + 1)}
    groups[f"resources{ssds + 1}__{_PMEM}"] = str(len(cloud.machines[HOST].inner.pmem.namespaces))
    try:
        server = cloud.boot(cloud.flavor(**groups, group_policy="none"), "ACTIVE")
    except (AssertionError, OpenStackApiException) as error:
        cloud.world.findings.add(Rule.LOST, f"no server gets all of it afterwards: {error}")
        return
    _delete(cloud, server)


def _delete(cloud: Cloud, server: dict) -> None:
    cloud.api.delete_server(server["id"])
    cloud._wait_until_deleted(server)
