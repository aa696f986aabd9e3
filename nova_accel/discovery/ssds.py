"""Finds NVMe SSDs: lspci's list, sysfs' facts, our memory of those that a guest has."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nova_accel.discovery.candidate import SSD, Candidate
from nova_accel.discovery.memory import BOUND_BY_ANOTHER, Memory, strangers
from nova_accel.drivers.base import SeenFunction, SsdDriver
from nova_accel.eligibility.evidence import SsdEvidence
from nova_accel.eligibility.judge import judge
from nova_accel.facts import nvme, pci, usage
from nova_accel.facts.pci import PciFacts
from nova_accel.facts.roots import Roots
from nova_accel.facts.usage import HostUse
from nova_accel.ledger.entry import Entry
from nova_accel.model import PciRecord

_VFIO = "vfio-pci"


@dataclass(frozen=True)
class _Seen:
    function: SeenFunction
    facts: PciFacts
    namespaces: tuple[str, ...]
    model: str | None


def find(
    roots: Roots, host_use: HostUse, records: Sequence[PciRecord], drivers: Sequence[SsdDriver], memory: Memory
) -> list[Candidate]:
    """Find every NVMe controller and judge it by what can be read without opening it."""
    seen = [one for one in (_see(roots, memory, record) for record in records if record.is_nvme) if one is not None]
    same = _same_serials(seen)
    entries = memory.by_identity()
    return [_candidate(roots, host_use, drivers, memory, one, same, entries) for one in seen]


def _see(roots: Roots, memory: Memory, record: PciRecord) -> _Seen | None:
    facts = pci.read(roots, record.address)
    if facts is None:  # gone between lspci and now
        return None
    shown = nvme.read(roots, record.address)
    serial = shown.serial if shown else memory.identity(str(record.address), facts.incarnation)
    function = SeenFunction(record, facts.incarnation, facts.numa_node, serial)
    return _Seen(function, facts, shown.namespaces if shown else (), shown.model if shown else None)


def _same_serials(seen: Sequence[_Seen]) -> Mapping[str, Sequence[str]]:
    addresses: dict[str, list[str]] = defaultdict(list)
    for one in seen:
        if one.function.serial:
            addresses[one.function.serial].append(str(one.function.record.address))
    return addresses


def choose(drivers: Sequence[SsdDriver], function: SeenFunction) -> tuple[SsdDriver | None, SsdDriver | None]:
    """The driver that takes a function, and a rival that wants it as much. A specific driver goes before one for any vendor."""
    wanting = [driver for driver in drivers if driver.wants(function)]
    first = next(iter(sorted(wanting, key=lambda driver: not driver.specific)), None)
    rivals = [driver for driver in wanting if first and driver is not first and driver.specific == first.specific]
    return first, next(iter(rivals), None)


def _candidate(
    roots: Roots,
    host_use: HostUse,
    drivers: Sequence[SsdDriver],
    memory: Memory,
    seen: _Seen,
    same_serials: Mapping[str, Sequence[str]],
    entries: Mapping[str, Entry],
) -> Candidate:
    function, address = seen.function, str(seen.function.record.address)
    driver, rival = choose(drivers, function)
    device = driver.device(function) if driver is not None else None
    entry = entries.get(function.serial or "")
    same_serial = tuple(other for other in same_serials.get(function.serial or "", ()) if other != address)
    evidence = SsdEvidence(
        pci=seen.facts,
        serial=function.serial,
        same_serial=same_serial,
        namespaces=seen.namespaces,
        driver=driver.name if driver else None,
        rival=rival.name if rival else None,
        usage=usage.read(roots, host_use, seen.namespaces),
        ours_on_vfio=memory.is_ours_on_vfio(function.serial, address, function.incarnation),
        domains=strangers(memory.others, [address, *(f"/dev/{name}" for name in seen.namespaces)], entry),
        unchecked=memory.others.unknown,
        double_owner=memory.others.owner_of_pci(function.record) if driver else "",
    )
    return Candidate(
        what=SSD,
        address=address,
        incarnation=function.incarnation,
        identity=function.serial,
        unique=not same_serial,
        evidence=evidence,
        verdict=judge(evidence),
        deployable=device.deployables[0] if device else None,
        handle=device.handles[0] if device else None,
        details=_details(seen) | _bound_by_another(evidence),
    )


def _bound_by_another(evidence: SsdEvidence) -> dict[str, str]:
    """Kept with the sighting, whatever becomes of the verdict: what was not ours does not become ours because the ledger doubts it."""
    is_anothers = evidence.pci.kernel_driver == _VFIO and not evidence.ours_on_vfio
    return {BOUND_BY_ANOTHER: "somebody else"} if is_anothers else {}


def _details(seen: _Seen) -> dict[str, str]:
    record = seen.function.record
    details = {
        "vendor_id": f"{record.vendor_id:04x}",
        "product_id": f"{record.product_id:04x}",
        "numa_node": "" if seen.facts.numa_node is None else str(seen.facts.numa_node),
        "model": seen.model or record.product_name or "",
        "iommu_group": seen.facts.iommu_group or "",
    }
    return {key: value for key, value in details.items() if value}
