"""The rules of the design, looked at from outside: the machine's bytes, libvirt's domains, the ledger and Placement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.xml import domain
from tests.faults.findings import Rule
from tests.faults.world import World

if TYPE_CHECKING:
    from tests.faults.cloud import Cloud
    from tests.faults.machine import KeptHost

WRITTEN = "written"
"""Notes of who wrote on what."""
REBUILT = "rebuilt"
"""Notes of servers whose content Nova was told to throw away."""


class Watch:
    """Looks at what cannot be seen afterwards: a guest that starts, a device that is erased."""

    machine: KeptHost

    def __init__(self, world: World, host: str) -> None:
        self._world = world
        self._host = host

    def started(self, server: str, xml: str) -> None:
        """A guest runs, reads what others left it and writes on all it has."""
        for identity in self._identities(xml):
            foreign = self.machine.read(identity) - {server}
            if foreign:
                self._world.findings.add(Rule.LEAK, f"{identity} was given to {server} with bytes of {sorted(foreign)}")
            for other, others in self.running().items():
                if other != server and identity in others:
                    self._world.findings.add(Rule.DOUBLE, f"{identity} is in the guests {server} and {other}")
            self.machine.write(identity, server)
            self._world.note(WRITTEN, f"{server} {identity}")

    def erasing(self, call: str, identity: str) -> None:
        """A device is about to be erased: its ledger must say that it may be, and no guest may run with it."""
        entry = _entry(Ledger(str(self._world.ledger(self._host))), identity)
        if not _may_be_erased(entry, self._world.notes(REBUILT)):
            self._world.findings.add(Rule.ERASED, f"{call} of {identity}, of which the ledger says {entry}")
        for server, theirs in self.running().items():
            if identity in theirs:
                self._world.findings.add(Rule.ERASED, f"{call} of {identity}, which the running guest {server} has")

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
    for identity in written & entries.keys():
        if entries[identity].state is State.AVAILABLE:
            cloud.world.findings.add(Rule.LEAK, f"the ledger offers {identity}, which has bytes on it")
    for identity in claimable(cloud, host) & written:
        cloud.world.findings.add(Rule.LEAK, f"Nova may claim {identity}, which has bytes on it")
    for provider, free in free_units(cloud, host).items():
        clean = [one for one in entries.values() if provider.endswith(one.provider) and one.state is State.AVAILABLE]
        if free > len(clean):
            words = f"Placement offers {free} of {provider}, of which {len(clean)} are clean"
            cloud.world.findings.add(Rule.LEAK, words)


def kept(cloud: Cloud) -> None:
    """What a guest has written must be there as long as its server has the device, unless it is rebuilt."""
    for host in cloud.computes:
        _kept(cloud, host)


def _kept(cloud: Cloud, host: str) -> None:
    entries = {one.handle.identity: one for one in cloud.ledger(host).entries().values()}
    devices = cloud.machines[host].devices()
    for server, _, identity in (line.partition(" ") for line in cloud.world.notes(WRITTEN)):
        entry = entries.get(identity)
        has_it = entry is not None and (entry.state, entry.server) == (State.ASSIGNED, server)
        if not has_it or identity not in devices or server in cloud.world.notes(REBUILT):
            continue
        if list(devices[identity].content.values()) != [server.encode()] * 2:
            cloud.world.findings.add(Rule.ERASED, f"{identity} lost what {server} has written, which still has it")


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


def _may_be_erased(entry: Entry | None, rebuilt: list[str]) -> bool:
    if entry is None:
        return False
    if entry.state is State.ASSIGNED:
        return entry.server in rebuilt
    return entry.state is State.CLEANING and entry.may_be_erased


def _entry(ledger: Ledger, identity: str) -> Entry | None:
    return next((one for one in ledger.entries().values() if one.handle.identity == identity), None)
