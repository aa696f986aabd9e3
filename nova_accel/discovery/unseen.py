"""What a look did not see although it is still in its slot: lspci printed its line badly, or no enabled driver is for its sort now.

An SSD on vfio-pci shows no serial number. Once it is forgotten which one it is, its server cannot start and nothing cleans it.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from nova_accel.discovery.candidate import Candidate, Snapshot
from nova_accel.discovery.memory import Memory
from nova_accel.eligibility.evidence import Evidence
from nova_accel.eligibility.judge import judge
from nova_accel.facts import pci
from nova_accel.facts.roots import Roots
from nova_accel.ledger.entry import Sighting
from nova_accel.ledger.states import State
from nova_accel.model import PciAddress

_WHY = "the last look did not see it, though it is still there"


def candidates(
    roots: Roots, what: str, memory: Memory, before: Snapshot, found: Collection[Candidate]
) -> list[Candidate]:
    """Those of a sort that servers have, as the look before saw them; of others nothing is known that still holds."""
    having = {identity for identity, entry in memory.by_identity().items() if entry.state is State.ASSIGNED}
    having -= {one.identity for one in found}
    seen = {one.address for one in found}
    return [
        one
        for one in before.candidates
        if one.what == what
        and one.identity in having
        and one.address not in seen
        and _is_still_there(roots, one.address, one.incarnation)
    ]


def sightings(roots: Roots, memory: Memory, found: Iterable[Candidate]) -> list[Sighting]:
    """What the ledger has to go on remembering of others than were found: which SSD it is that may be on vfio-pci because of us."""
    found = list(found)
    seen = {one.address for one in found}
    known = {one.identity for one in found}
    return [
        _unchecked(one)
        for one in memory.sightings.values()
        if one.identity not in known
        and one.address not in seen
        and memory.is_ours_on_vfio(one.identity, one.address, one.incarnation)
        and _is_still_there(roots, one.address, one.incarnation)
    ]


def _is_still_there(roots: Roots, address: str, incarnation: str) -> bool:
    try:
        facts = pci.read(roots, PciAddress.parse(address))
    except ValueError:  # a PMEM namespace, which shows what it is wherever it is
        return False
    return facts is not None and facts.incarnation == incarnation


def _unchecked(seen: Sighting) -> Sighting:
    verdict = judge(Evidence(driver=seen.driver, unchecked=_WHY))
    return replace(seen, reason=verdict.reason.value, sentence=verdict.sentence)
