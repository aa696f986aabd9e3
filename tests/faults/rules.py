"""The rules of the design, looked at from outside: the machine's bytes, libvirt's domains, the ledger and Placement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.xml import domain
from tests.faults import records
from tests.faults.findings import Rule
from tests.faults.owners import Owner, owners
from tests.faults.world import World

if TYPE_CHECKING:
    from tests.faults.cloud import Cloud
    from tests.faults.machine import KeptHost

_WRITTEN = "written"
"""Notes of who wrote on what, and of what was rightly erased since."""
_NOBODY = "nobody"


class Watch:
    """Looks at what cannot be seen afterwards: a guest that starts, a device that is erased."""

    machine: KeptHost

    def __init__(self, world: World, host: str) -> None:
        self._world = world
        self._host = host

    def started(self, server: str, xml: str) -> None:
        """A guest runs, reads what others and it itself left there and writes on all it has."""
        before = writers(self._world)
        for identity in self._identities(xml):
            if before.get(identity) == server and not self.machine.is_as_written(identity, server):
                words = f"{identity} does not have what {server} had written when its guest starts again"
                self._world.findings.add(Rule.ERASED, words)
            foreign = self.machine.read(identity) - {server}
            if foreign:
                self._world.findings.add(Rule.LEAK, f"{identity} was given to {server} with bytes of {sorted(foreign)}")
            for other, others in self.running().items():
                if other != server and identity in others:
                    self._world.findings.add(Rule.DOUBLE, f"{identity} is in the guests {server} and {other}")
            self.machine.write(identity, server)
            self._world.note(_WRITTEN, f"{server} {identity}")
            records.guest_began(self._world, self._host, identity)

    def erasing(self, call: str, identity: str) -> None:
        """A device is about to be erased: Nova's database and its ledger must say that it may be, and no guest may run with it."""
        entry = _entry(Ledger(str(self._world.ledger(self._host))), identity)
        owner = owners(self._world, self._host).get(identity)
        wrong = [f"which the running guest {one} has" for one, theirs in self.running().items() if identity in theirs]
        if owner is not None and not owner.is_rebuilt:
            wrong.append(f"which is by Nova's database that of {owner}")
        if not _may_be_erased(entry, owner):
            wrong.append(f"of which the ledger says {entry}")
        for why in wrong:
            self._world.findings.add(Rule.ERASED, f"{call} of {identity}, {why}")
        if not wrong:
            self._world.note(_WRITTEN, f"{_NOBODY} {identity}")

    def running(self) -> dict[str, list[str]]:
        """The identities that each running guest has, by its server's uuid."""
        file = self._world.domains(self._host)
        kept = json.loads(file.read_text()) if file.exists() else []
        return {one["uuid"]: self._identities(one["xml"]) for one in kept if one["runs"]}

    def _identities(self, xml: str) -> list[str]:
        places = [str(address) for address in domain.pci_addresses(xml)] + list(domain.nvdimm_paths(xml))
        return [identity for identity in map(self.machine.at, places) if identity is not None]


def look(cloud: Cloud) -> None:
    """Hold what is offered now against what is on the devices. Between two rounds Nova's claim may be behind; after one nothing is."""
    for host in cloud.computes:
        _look(cloud, host)


def _look(cloud: Cloud, host: str) -> None:
    machine = cloud.machines[host]
    entries = {one.handle.identity: one for one in cloud.ledger(host).entries().values()}
    written = {identity for identity in machine.devices() if machine.read(identity)}
    offered = {identity for identity, entry in entries.items() if entry.state is State.AVAILABLE}
    for identity in written & offered:
        cloud.world.findings.add(Rule.LEAK, f"the ledger offers {identity}, which has bytes on it")
    records.look(cloud.world, host, offered)
    for identity in claimable(cloud, host) & written:
        cloud.world.findings.add(Rule.LEAK, f"Nova may claim {identity}, which has bytes on it")
    for provider, free in free_units(cloud, host).items():
        clean = [one for one in entries.values() if provider.endswith(one.provider) and one.state is State.AVAILABLE]
        if free > len(clean):
            words = f"Placement offers {free} of {provider}, of which {len(clean)} are clean"
            cloud.world.findings.add(Rule.LEAK, words)


def written(world: World) -> list[str]:
    """All that guests have written so far and that was rightly erased since, one after the other."""
    return world.notes(_WRITTEN)


def writers(world: World) -> dict[str, str]:
    """Whose guest has last written on a device, by identity; of one that was rightly erased since, nobody's."""
    return {identity: server for server, _, identity in (line.partition(" ") for line in written(world))}


def kept(cloud: Cloud) -> None:
    """What a guest has written must be there, and the ledger must keep it, as long as Nova's database gives the device to its server."""
    for host in cloud.computes:
        _kept(cloud, host)


def _kept(cloud: Cloud, host: str) -> None:
    entries = {one.handle.identity: one for one in cloud.ledger(host).entries().values()}
    machine, wrote = cloud.machines[host], writers(cloud.world)
    for identity, owner in owners(cloud.world, host).items():
        if identity not in machine.devices() or wrote.get(identity) != owner.server:
            continue
        entry = entries.get(identity)
        if entry is None or (entry.state, entry.server) != (State.ASSIGNED, owner.server):
            cloud.world.findings.add(Rule.ERASED, f"{identity} is that of {owner}, and the ledger says {entry}")
        if not machine.is_as_written(identity, owner.server):
            cloud.world.findings.add(Rule.ERASED, f"{identity} lost what its {owner} has written")


def free_units(cloud: Cloud, host: str) -> dict[str, int]:
    """How many units Placement would give away of a host, by our providers' names."""
    found = {}
    for name, provider in _providers(cloud, host).items():
        used = cloud._get_provider_usages(provider["uuid"])
        inventories = cloud._get_provider_inventory(provider["uuid"])
        found[name] = sum(one["total"] - one["reserved"] - used[which] for which, one in inventories.items())
    return found


def claimable(cloud: Cloud, host: str) -> set[str]:
    """Identities that Nova's resource tracker would give to the next server."""
    tracker = cloud.computes[host].manager.rt
    found = set()
    for name, provider in _providers(cloud, host).items():
        for which, resources in tracker.provider_tree.data(name).resources.items():
            taken = tracker.assigned_resources.get(provider["uuid"], {}).get(which, [])
            found |= {one.identifier for one in resources} - {one.identifier for one in taken}
    return found


def _providers(cloud: Cloud, host: str) -> dict[str, dict]:
    return {name: one for name, one in cloud.our_providers().items() if name.startswith(f"{host}_")}


def _may_be_erased(entry: Entry | None, owner: Owner | None) -> bool:
    if entry is None:
        return False
    if entry.state is State.ASSIGNED:
        return owner is not None and owner.server == entry.server and owner.is_rebuilt
    return entry.state is State.CLEANING and entry.may_be_erased


def _entry(ledger: Ledger, identity: str) -> Entry | None:
    return next((one for one in ledger.entries().values() if one.handle.identity == identity), None)
