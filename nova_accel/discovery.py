"""Looks at the host once: lspci and sysfs, then drivers, then verdicts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nova_accel.drivers.base import Driver, SeenFunction
from nova_accel.eligibility.judge import Evidence, judge
from nova_accel.eligibility.verdict import Verdict
from nova_accel.exception import PrivilegedCallError
from nova_accel.facts import nvme, pci, usage
from nova_accel.host import Host
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Entry, Sighting
from nova_accel.model import Device, HandleId
from nova_accel.parsers import lspci

_OURS_ON_VFIO = (State.ASSIGNED, State.DIRTY, State.CLEANING, State.CLEAN_FAILED)


@dataclass(frozen=True)
class Candidate:
    """One NVMe controller, the driver that takes it and the verdict on it."""

    function: SeenFunction
    device: Device | None
    evidence: Evidence
    verdict: Verdict

    @property
    def sighting(self) -> Sighting:
        """What the ledger remembers of it."""
        return Sighting(
            address=str(self.function.record.address),
            incarnation=self.function.incarnation,
            serial=self.function.serial,
            driver=self.evidence.driver,
            reason=self.verdict.reason.value,
            sentence=self.verdict.sentence,
        )


@dataclass(frozen=True)
class Snapshot:
    """What one look found."""

    candidates: tuple[Candidate, ...] = ()
    warnings: tuple[str, ...] = ()

    def by_handle(self) -> dict[HandleId, Candidate]:
        """The candidates that have a handle which can be told from every other."""
        return {
            handle.id: candidate
            for candidate in self.candidates
            if candidate.device is not None and candidate.function.serial and not candidate.evidence.same_serial
            for handle in candidate.device.handles
        }


@dataclass(frozen=True)
class Memory:
    """What the ledger holds when a look begins."""

    sightings: Mapping[str, Sighting]
    entries: Mapping[HandleId, Entry]

    def serial(self, address: str, incarnation: str) -> str | None:
        """The serial seen at an address during the presence of the device that is there now."""
        seen = self.sightings.get(address)
        return seen.serial if seen is not None and seen.incarnation == incarnation else None

    def entry(self, device: Device | None) -> Entry | None:
        """What the ledger knows about the first handle of a device."""
        return next((self.entries.get(handle.id) for handle in device.handles), None) if device else None


def look(host: Host, drivers: Sequence[Driver], memory: Memory) -> Snapshot:
    """Look at the host.

    :raises nova_accel.exception.PrivilegedCallError: when lspci cannot be run
    """
    parsed = lspci.parse(host.lspci())
    host_use = usage.read_host(host.roots)
    found = []
    for record in parsed.records:
        if not record.is_nvme:
            continue
        facts = pci.read(host.roots, record.address)
        if facts is None:  # gone between lspci and now
            continue
        shown = nvme.read(host.roots, record.address)
        serial = shown.serial if shown else memory.serial(str(record.address), facts.incarnation)
        function = SeenFunction(record, facts.incarnation, facts.numa_node, serial)
        namespaces = shown.namespaces if shown else ()
        evidence = Evidence(
            pci=facts,
            driver=None,
            serial=serial,
            namespaces=namespaces,
            usage=usage.read(host.roots, host_use, namespaces),
        )
        found.append((function, evidence))
    same = _same_serials([function for function, _ in found])
    candidates = [_candidate(drivers, memory, function, evidence, same) for function, evidence in found]
    return Snapshot(_asked(host, memory, candidates), parsed.warnings + host_use.warnings)


def _same_serials(functions: Sequence[SeenFunction]) -> dict[str, list[str]]:
    addresses: dict[str, list[str]] = defaultdict(list)
    for function in functions:
        if function.serial:
            addresses[function.serial].append(str(function.record.address))
    return addresses


def _candidate(
    drivers: Sequence[Driver],
    memory: Memory,
    function: SeenFunction,
    evidence: Evidence,
    same_serials: Mapping[str, Sequence[str]],
) -> Candidate:
    address = str(function.record.address)
    driver = next((driver for driver in drivers if driver.wants(function)), None)
    device = driver.device(function) if driver is not None else None
    entry = memory.entry(device)
    evidence = replace(
        evidence,
        driver=driver.name if driver is not None else None,
        same_serial=tuple(a for a in same_serials.get(function.serial or "", ()) if a != address),
        ours_on_vfio=entry is not None and entry.state in _OURS_ON_VFIO,
    )
    return Candidate(function, device, evidence, judge(evidence))


def _asked(host: Host, memory: Memory, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Ask root's side about what is about to be offered, and about nothing else: no other disk of the host is opened."""
    asked = [str(one.function.record.address) for one in candidates if _about_to_be_offered(memory, one)]
    try:
        users = host.who_uses(asked)
    except PrivilegedCallError as error:  # what cannot be checked is not offered
        users = dict.fromkeys(asked, f"whether the host uses it could not be checked: {error}")
    return tuple(_with_user(one, users.get(str(one.function.record.address), "")) for one in candidates)


def _about_to_be_offered(memory: Memory, candidate: Candidate) -> bool:
    entry = memory.entry(candidate.device)
    return candidate.verdict.eligible and (entry is None or entry.state is State.AVAILABLE)


def _with_user(candidate: Candidate, user: str) -> Candidate:
    if not user:
        return candidate
    evidence = replace(candidate.evidence, held_by=user)
    return replace(candidate, evidence=evidence, verdict=judge(evidence))
