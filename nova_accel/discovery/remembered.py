"""What the ledger remembers of devices that cannot be looked at now, because the tool that lists them fails."""

import json
from collections import Counter

from nova_accel.discovery.candidate import NAMESPACE, SSD, Candidate
from nova_accel.discovery.memory import Memory
from nova_accel.eligibility.evidence import Evidence
from nova_accel.eligibility.judge import judge
from nova_accel.ledger.entry import Sighting
from nova_accel.model import AttachHandle, HandleId, HandleKind

_KINDS = {SSD: HandleKind.PCI, NAMESPACE: HandleKind.NVDIMM}


def candidates(what: str, memory: Memory, why: str) -> tuple[Candidate, ...]:
    """The devices of a sort that the last look before nova-compute's start found; none of them is offered.

    So they are not taken for vanished: their providers stay, a guest that has one keeps it, and the next look that succeeds finds
    them as they were left.

    :param why: they cannot be looked at
    """
    seen = [(one, _details(one)) for one in memory.sightings.values()]
    of_sort = [(one, details) for one, details in seen if details.get("what") == what]
    identities = Counter(one.identity for one, _ in of_sort)
    return tuple(_candidate(what, one, details, why, unique=identities[one.identity] == 1) for one, details in of_sort)


def _candidate(what: str, seen: Sighting, details: dict[str, str], why: str, *, unique: bool) -> Candidate:
    evidence = Evidence(driver=seen.driver, unchecked=why)
    return Candidate(
        what=what,
        address=seen.address,
        incarnation=seen.incarnation,
        identity=seen.identity,
        unique=unique,
        evidence=evidence,
        verdict=judge(evidence),
        handle=_handle(what, seen, details),
        details={key: value for key, value in details.items() if key != "what"},
    )


def _handle(what: str, seen: Sighting, details: dict[str, str]) -> AttachHandle | None:
    if seen.resource_class is None or seen.identity is None:
        return None
    return AttachHandle(
        HandleId(seen.resource_class, seen.identity),
        _KINDS[what],
        seen.address,
        seen.incarnation,
        size_bytes=_number(details.get("size_bytes")),
        align_bytes=_number(details.get("align_bytes")),
        numa_node=_number(details.get("numa_node")),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _details(seen: Sighting) -> dict[str, str]:
    try:
        details = json.loads(seen.details)
    except ValueError:
        return {}
    return details if isinstance(details, dict) else {}
