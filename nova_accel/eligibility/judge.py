"""The one function that gives verdicts."""

from nova_accel.eligibility import health, host_side, namespace, ssd
from nova_accel.eligibility.evidence import Evidence, NamespaceEvidence, SsdEvidence
from nova_accel.eligibility.verdict import Reason, Verdict


def judge(evidence: Evidence) -> Verdict:
    """Give the verdict. The host's own use comes first: it is what an operator has to know."""
    verdict = _first(evidence)
    return verdict or Verdict(Reason.ELIGIBLE, "may be given to a guest")


def _first(evidence: Evidence) -> Verdict | None:
    ours = _not_ours(evidence)
    if ours is not None:
        return ours
    if isinstance(evidence, NamespaceEvidence) and (verdict := namespace.ambiguous(evidence)):
        return verdict
    for check in host_side.CHECKS:
        if verdict := check(evidence):
            return verdict
    if isinstance(evidence, SsdEvidence):
        return _of(tuple(check(evidence) for check in ssd.CHECKS + health.SSD_CHECKS))
    if isinstance(evidence, NamespaceEvidence):
        return _of(tuple(check(evidence) for check in namespace.CHECKS + health.NAMESPACE_CHECKS))
    return None


def _not_ours(evidence: Evidence) -> Verdict | None:
    if evidence.driver is None:
        return Verdict(
            Reason.NOT_CONFIGURED,
            "no enabled driver takes it; enable one, let nvme_ssd_filter choose it or name it in pmem_namespaces to offer it",
        )
    if evidence.rival is not None:
        return Verdict(
            Reason.CLAIMED_TWICE,
            f"both {evidence.driver} and {evidence.rival} take it; let one of them choose fewer devices, or take it out of enabled_drivers",
        )
    return None


def _of(verdicts: tuple[Verdict | None, ...]) -> Verdict | None:
    return next((verdict for verdict in verdicts if verdict is not None), None)
