"""What is done after each kill and each fault, when everything works again: nothing may be wrong, and nothing may stay away."""

from collections.abc import Callable

from nova import context as nova_context
from nova import exception as nova_exception
from nova.objects.migration import Migration
from nova.tests.functional.api.client import OpenStackApiException

from nova_accel.exception import AccelError
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from tests.fakes.host import FakeSsd
from tests.faults import rules
from tests.faults.cloud import HOST, Cloud
from tests.faults.findings import Rule

OPERATOR = "operator"
_ROUNDS = 3
_SSD_TOO = "resources{}:CUSTOM_SSD"
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
    """Do what an operator does with a server that Nova left in the middle of something: it gets all back that it had."""
    cloud.round()
    rules.look(cloud)
    rules.kept(cloud)
    for server in cloud.api.get_servers():
        cloud.world.note(OPERATOR, f"the state of {server['id']} is reset, {server['OS-EXT-STS:task_state']} before")
        cloud.api.post_server_action(server["id"], {"os-resetState": {"state": "active"}})
        cloud._reboot_server(server, hard=True)
        has, lacks = set(cloud.watches[HOST].running().get(server["id"], ())), set(cloud.in_instance(server))
        lacks -= has
        if not has or lacks:
            cloud.world.findings.add(
                Rule.LOST, f"server {server['id']} runs with {sorted(has)}, without {sorted(lacks)}"
            )


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
        if not _missing(cloud):
            return
    _speak(cloud)
    for identity in _missing(cloud):
        cloud.world.findings.add(Rule.LOST, f"{identity} does not come back: {_entry(cloud, identity)}")


def _delete_all(cloud: Cloud) -> None:
    for server in cloud.api.get_servers():
        # One that is being deleted already is done with at nova-compute's start, or refused.
        cloud.api.delete_server(server["id"])
        cloud._wait_until_deleted(server)


def _missing(cloud: Cloud) -> list[str]:
    """What is not offered although nobody has it: by the ledger, by Placement or to Nova's claims."""
    return sorted(identity for host in cloud.computes for identity in _missing_on(cloud, host))


def _missing_on(cloud: Cloud, host: str) -> set[str]:
    everything = set(cloud.machines[host].devices())
    if sum(rules.free_units(cloud, host).values()) < len(everything):
        return everything
    return {*_missing_in_ledger(cloud, host), *everything - rules.claimable(cloud, host)}


def _missing_in_ledger(cloud: Cloud, host: str) -> list[str]:
    entries = {one.handle.identity: one for one in cloud.ledger(host).entries().values()}
    return [
        identity
        for identity in cloud.machines[host].devices()
        if identity not in entries or entries[identity].state is not State.AVAILABLE or entries[identity].drained
    ]


def _speak(cloud: Cloud) -> None:
    """Do what an operator is told to do about what is left, the gentler thing first."""
    if not any(_missing_in_ledger(cloud, host) for host in cloud.computes):
        _delete_allocations_of_moves(cloud)
    for erase_foreign_data in (False, True):
        for identity in _missing(cloud):
            cloud.world.note(
                OPERATOR, f"{identity} (erase foreign data: {erase_foreign_data}): {_entry(cloud, identity)}"
            )
            _rebind(cloud, identity)
            operator = cloud.ledger(_host_of(cloud, identity)).operator
            try:
                operator.undrain(identity)
                operator.ask_for_cleaning(identity, erase_foreign_data=erase_foreign_data)
            except AccelError as error:
                print(f"the operator was refused: {error}")
        cloud.round()
        cloud.round()
        rules.look(cloud)


def _delete_allocations_of_moves(cloud: Cloud) -> None:
    """What Nova leaves in Placement, processors and memory included, where a server is deleted in the middle of a move that was cut."""
    for name, provider in cloud.our_providers().items():
        for consumer in cloud._get_allocations_by_provider_uuid(provider["uuid"]):
            if _is_a_move(consumer):
                cloud.world.note(OPERATOR, f"openstack resource provider allocation delete {consumer}, of {name}")
                cloud.placement.delete(f"/allocations/{consumer}")
    cloud.round()
    rules.look(cloud)


def _is_a_move(consumer: str) -> bool:
    try:
        Migration.get_by_uuid(nova_context.get_admin_context(), consumer)
    except nova_exception.MigrationNotFound:
        return False
    return True


def _rebind(cloud: Cloud, identity: str) -> None:
    """What the verdict on an SSD says that is on vfio-pci and of which the ledger knows nothing."""
    machine = cloud.machines[_host_of(cloud, identity)]
    device = machine.devices()[identity]
    if isinstance(device, FakeSsd) and device.bound_to == "vfio-pci" and _entry(cloud, identity) is None:
        machine.inner.bring_back(device.address)
        machine.inner.settle(device.address)
        machine.keep()
        cloud.round()


def _entry(cloud: Cloud, identity: str) -> Entry | None:
    entries = cloud.ledger(_host_of(cloud, identity)).entries().values()
    return next((one for one in entries if one.handle.identity == identity), None)


def _host_of(cloud: Cloud, identity: str) -> str:
    return next(host for host, machine in cloud.machines.items() if identity in machine.devices())


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
