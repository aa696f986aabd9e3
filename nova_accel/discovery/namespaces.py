"""Finds PMEM namespaces: ndctl's list, sysfs' facts, the configuration's labels."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nova_accel.discovery.candidate import NAMESPACE, Candidate
from nova_accel.discovery.memory import Memory, strangers
from nova_accel.drivers import labels
from nova_accel.drivers.base import NamespaceDriver, SeenNamespace, SeenRegion
from nova_accel.eligibility.evidence import NamespaceEvidence
from nova_accel.eligibility.judge import judge
from nova_accel.facts import pmem, usage
from nova_accel.facts.pmem import DimmFacts
from nova_accel.facts.roots import Roots
from nova_accel.facts.usage import HostUse
from nova_accel.model import AttachHandle, Deployable
from nova_accel.parsers.ndctl import Listing, NamespaceRecord, RegionRecord
from nova_accel.privsep.links import path_of


@dataclass(frozen=True)
class _Seen:
    record: NamespaceRecord
    incarnation: str
    drivers: tuple[NamespaceDriver, ...]
    """Those that take it, the first one gets it."""
    label: str

    @property
    def driver(self) -> NamespaceDriver | None:
        return self.drivers[0] if self.drivers else None


def find(
    roots: Roots, host_use: HostUse, listing: Listing, drivers: Sequence[NamespaceDriver], memory: Memory
) -> list[Candidate]:
    """Find every namespace and judge it by what can be read without opening it."""
    seen = [
        one
        for one in (_see(roots, drivers, memory, record) for record in listing.namespaces if not record.is_seed)
        if one is not None
    ]
    handles = _handles(listing, seen)
    dimms = {dimm.dev: pmem.read_dimm(roots, dimm.dev) for dimm in listing.dimms}
    return [
        _candidate(
            one, seen, handles.get(one.record.dev), _use(roots, host_use, one), memory, _made_of(listing, one, dimms)
        )
        for one in seen
    ]


def _see(roots: Roots, drivers: Sequence[NamespaceDriver], memory: Memory, record: NamespaceRecord) -> _Seen | None:
    incarnation = pmem.incarnation(roots, record.dev, record.chardev)
    if incarnation is None:  # gone between ndctl and now
        return None
    wanting = tuple(driver for driver in drivers if driver.label(record.name) is not None)
    kept = memory.kept_class(record.label_uuid)
    if kept is not None and drivers:
        # A server has it: it stays what it was called at that server's start, also when the configuration drops or renames it.
        return _Seen(record, incarnation, wanting or (drivers[0],), kept.removeprefix(labels.CLASS_PREFIX))
    label = wanting[0].label(record.name) if wanting else None
    return _Seen(record, incarnation, wanting, label or "")


def _handles(listing: Listing, seen: Sequence[_Seen]) -> dict[str, tuple[Deployable, AttachHandle]]:
    """What the drivers make of the regions, by namespace name."""
    taken: dict[tuple[str, str], list[_Seen]] = defaultdict(list)
    drivers = {}
    for one in seen:
        if one.driver is not None:
            taken[one.driver.name, one.record.region or one.record.dev].append(one)
            drivers[one.driver.name] = one.driver
    found = {}
    for (name, region), ones in taken.items():
        namespaces = [SeenNamespace(one.record, one.incarnation, one.label) for one in ones]
        for part in drivers[name].device(_region(listing, region, ones), namespaces).deployables:
            found.update({handle.address: (part, handle) for handle in part.handles})
    return found


def _region(listing: Listing, dev: str, seen: Sequence[_Seen]) -> SeenRegion:
    record = _record_of(listing, dev)
    cookies = Counter(region.iset_id for region in listing.regions)
    nodes = [one.record.numa_node for one in seen if one.record.numa_node is not None]
    if record is None:
        return SeenRegion(dev, dev, nodes[0] if nodes else None)
    told_apart = record.iset_id and cookies[record.iset_id] == 1
    identity = f"{record.iset_id:016x}" if told_apart else dev
    node = record.numa_node if record.numa_node is not None else (nodes[0] if nodes else None)
    return SeenRegion(dev, identity, node)


def _record_of(listing: Listing, dev: str | None) -> RegionRecord | None:
    return next((region for region in listing.regions if region.dev == dev), None)


def _use(roots: Roots, host_use: HostUse, seen: _Seen) -> tuple[usage.Use, ...]:
    blockdev = seen.record.blockdev
    return usage.read(roots, host_use, (blockdev,)) if blockdev else ()


def _candidate(
    one: _Seen,
    seen: Sequence[_Seen],
    handle: tuple[Deployable, AttachHandle] | None,
    use: tuple[usage.Use, ...],
    memory: Memory,
    made_of: Mapping[str, str],
) -> Candidate:
    record, uuid = one.record, one.record.label_uuid
    others = [other.record for other in seen if other is not one]
    same_uuid = tuple(other.dev for other in others if uuid is not None and other.label_uuid == uuid)
    entry = memory.by_identity().get(uuid or "")
    paths = [f"/dev/{name}" for name in (record.chardev, record.blockdev) if name] + ([path_of(uuid)] if uuid else [])
    evidence = NamespaceEvidence(
        record=record,
        same_name=tuple(other.dev for other in others if record.name is not None and other.name == record.name),
        same_uuid=same_uuid,
        driver=one.driver.name if one.driver else None,
        rival=one.drivers[1].name if len(one.drivers) > 1 else None,
        usage=use,
        domains=strangers(memory.others, paths, entry),
        unchecked=memory.others.unknown,
        double_owner=memory.others.owner_of_namespace(record) if one.driver else "",
    )
    return Candidate(
        what=NAMESPACE,
        address=record.dev,
        incarnation=one.incarnation,
        identity=uuid,
        unique=not same_uuid,
        evidence=evidence,
        verdict=judge(evidence),
        deployable=handle[0] if handle else None,
        handle=handle[1] if handle else None,
        details=_details(record, made_of),
    )


def _made_of(listing: Listing, seen: _Seen, dimms: Mapping[str, DimmFacts]) -> dict[str, str]:
    """Vendor, product and device ids of the DIMMs that a namespace's region lies on."""
    region = _record_of(listing, seen.record.region)
    facts = [dimms[name] for name in (region.dimms if region else ()) if name in dimms]
    ids = {dimm.dev: dimm.id for dimm in listing.dimms}
    return {
        "vendor_id": _words(f"{dimm.vendor_id:04x}" for dimm in facts if dimm.vendor_id is not None),
        "product_id": _words(f"{dimm.product_id:04x}" for dimm in facts if dimm.product_id is not None),
        "device_id": _words(dimm.device_id or ids.get(dimm.name) or dimm.name for dimm in facts),
    }


def _words(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _details(record: NamespaceRecord, made_of: Mapping[str, str]) -> dict[str, str]:
    details = {
        "name": record.name or "",
        "region": record.region or "",
        "mode": record.mode,
        "size_bytes": str(record.size_bytes),
        "align_bytes": str(record.align_bytes or ""),
        "numa_node": "" if record.numa_node is None else str(record.numa_node),
        "dax_device": record.chardev or "",
        "bad_blocks": str(record.bad_blocks or ""),
        **made_of,
    }
    return {key: value for key, value in details.items() if value}
