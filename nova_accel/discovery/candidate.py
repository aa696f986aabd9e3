"""What one look finds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nova_accel.eligibility.evidence import Evidence
from nova_accel.eligibility.judge import judge
from nova_accel.eligibility.verdict import Verdict
from nova_accel.ledger.entry import Sighting
from nova_accel.model import AttachHandle, Deployable, HandleId

SSD = "NVMe SSD"
NAMESPACE = "PMEM namespace"


@dataclass(frozen=True)
class Candidate:
    """One SSD or PMEM namespace, what a driver makes of it and the verdict on it."""

    what: str
    """Its sort, in a word for people: :data:`SSD` or :data:`NAMESPACE`."""
    address: str
    incarnation: str
    identity: str | None
    """None when it shows none."""
    unique: bool
    """Whether no other device here shows the same identity."""
    evidence: Evidence
    verdict: Verdict
    deployable: Deployable | None = None
    """None while no driver takes it."""
    handle: AttachHandle | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    """For people, such as vendor and product."""

    @property
    def sighting(self) -> Sighting:
        """What the ledger remembers of it."""
        return Sighting(
            address=self.address,
            incarnation=self.incarnation,
            identity=self.identity,
            driver=self.evidence.driver,
            reason=self.verdict.reason.value,
            sentence=self.verdict.sentence,
            resource_class=self.handle.id.resource_class if self.handle else None,
            details=json.dumps({"what": self.what, **self.details}),
        )

    def with_evidence(self, **more: object) -> "Candidate":
        """The same candidate, judged again with more evidence."""
        evidence = replace(self.evidence, **more)  # type: ignore[arg-type]  # checked by the dataclass
        return replace(self, evidence=evidence, verdict=judge(evidence))


@dataclass(frozen=True)
class Snapshot:
    """What one look found."""

    candidates: tuple[Candidate, ...] = ()
    warnings: tuple[str, ...] = ()
    seen: frozenset[str] = frozenset()
    """The sorts that this look found, or one before it in this process; a tool that fails does not take them away."""

    def __add__(self, other: "Snapshot") -> "Snapshot":
        """Both together."""
        return Snapshot(self.candidates + other.candidates, self.warnings + other.warnings, self.seen | other.seen)

    def by_handle(self) -> dict[HandleId, Candidate]:
        """The candidates that have a handle which can be told from every other."""
        return {
            one.handle.id: one
            for one in self.candidates
            if one.handle is not None and one.identity is not None and one.unique
        }
