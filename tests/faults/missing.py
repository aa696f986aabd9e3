"""What is not offered although no server has it."""

from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from tests.faults import rules
from tests.faults.cloud import Cloud


def missing(cloud: Cloud) -> list[str]:
    """What is not offered although nobody has it: by the ledger, by Placement or to Nova's claims."""
    return sorted(identity for host in cloud.computes for identity in _missing_on(cloud, host))


def _missing_on(cloud: Cloud, host: str) -> set[str]:
    everything = set(cloud.machines[host].devices())
    if sum(rules.free_units(cloud, host).values()) < len(everything):
        return everything
    return {*missing_in_ledger(cloud, host), *everything - rules.claimable(cloud, host)}


def missing_in_ledger(cloud: Cloud, host: str) -> list[str]:
    entries = {one.handle.identity: one for one in cloud.ledger(host).entries().values()}
    return [
        identity
        for identity in cloud.machines[host].devices()
        if identity not in entries or entries[identity].state is not State.AVAILABLE or entries[identity].drained
    ]


def entry_of(cloud: Cloud, identity: str) -> Entry | None:
    entries = cloud.ledger(host_of(cloud, identity)).entries().values()
    return next((one for one in entries if one.handle.identity == identity), None)


def host_of(cloud: Cloud, identity: str) -> str:
    return next(host for host, machine in cloud.machines.items() if identity in machine.devices())
