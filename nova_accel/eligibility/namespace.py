"""What makes a PMEM namespace fit, or not, to be handed to a guest."""

from nova_accel.eligibility.evidence import NamespaceEvidence
from nova_accel.eligibility.verdict import Reason, Verdict

_DEVDAX = "devdax"
_HOW = "ndctl create-namespace --force --reconfigure={dev} --mode=devdax makes it one, and its data is lost"
_MODES = {
    "fsdax": (Reason.FSDAX, "it is in fsdax mode, a disk for the host's file systems; a guest needs devdax: " + _HOW),
    "memory": (Reason.FSDAX, "it is in memory mode, a disk for the host's file systems; a guest needs devdax: " + _HOW),
    "sector": (Reason.SECTOR, "it is in sector mode, a disk with atomic sectors; a guest needs devdax: " + _HOW),
    "safe": (Reason.SECTOR, "it is in sector mode, a disk with atomic sectors; a guest needs devdax: " + _HOW),
    "raw": (Reason.RAW, "it is in raw mode, a plain disk; a guest needs devdax: " + _HOW),
}


def ambiguous(evidence: NamespaceEvidence) -> Verdict | None:
    """Two namespaces of one name: which one the configuration means is not ours to guess."""
    if not evidence.same_name:
        return None
    others = ", ".join(evidence.same_name)
    return Verdict(
        Reason.AMBIGUOUS_NAME,
        f"{evidence.record.dev} and {others} are both named {evidence.record.name}, so pmem_namespaces may mean either; "
        "make one of them again with another --name (ndctl create-namespace), and its data is lost",
    )


def _not_devdax(evidence: NamespaceEvidence) -> Verdict | None:
    record = evidence.record
    if not record.enabled and record.mode in (_DEVDAX, "raw"):
        # A disabled namespace shows as raw: what it would be is known only when it is enabled.
        return Verdict(Reason.DISABLED, f"it is disabled; ndctl enable-namespace {record.dev} to offer it")
    if record.mode in _MODES:
        reason, sentence = _MODES[record.mode]
        return Verdict(reason, sentence.format(dev=record.dev))
    if not record.enabled:
        return Verdict(Reason.DISABLED, f"it is disabled; ndctl enable-namespace {record.dev} to offer it")
    if record.dax_mode == "system-ram":
        return Verdict(
            Reason.SYSTEM_RAM,
            "the host uses it as ordinary memory; "
            f"daxctl reconfigure-device --force --mode=devdax {record.chardev or record.dev} takes it back to offer it",
        )
    if record.mode != _DEVDAX:
        return Verdict(Reason.RAW, f"it is in mode {record.mode}; a guest needs devdax: {_HOW.format(dev=record.dev)}")
    return None


def _no_size(evidence: NamespaceEvidence) -> Verdict | None:
    record = evidence.record
    if record.size_bytes == 0:
        return Verdict(
            Reason.EMPTY,
            "its size is 0, as happens when its alignment is larger than its space; "
            f"ndctl destroy-namespace --force {record.dev} and create it again with a smaller --align",
        )
    if record.chardev is None:
        return Verdict(Reason.DISABLED, f"it has no dax device; ndctl enable-namespace {record.dev} to offer it")
    return None


def _misaligned(evidence: NamespaceEvidence) -> Verdict | None:
    record = evidence.record
    if record.align_bytes and record.size_bytes % record.align_bytes == 0:
        return None
    return Verdict(
        Reason.MISALIGNED,
        f"its size of {record.size_bytes} bytes is no multiple of its alignment ({record.align_bytes or 'unknown'}), "
        "so QEMU would refuse it; create it again with a --size that is one, and its data is lost",
    )


def _not_identified(evidence: NamespaceEvidence) -> Verdict | None:
    uuid = evidence.record.label_uuid
    # Without a label ndctl shows the uuid of the layout inside, which sysfs does not: root's side could not check it.
    if uuid is None or evidence.record.raw_uuid is None:
        return Verdict(
            Reason.NO_UUID,
            "its label has no uuid, so it could not be told from another one; "
            "give its region labels (ndctl init-labels) and create it again, and its data is lost",
        )
    if evidence.same_uuid:
        others = ", ".join(evidence.same_uuid)
        return Verdict(
            Reason.DUPLICATE_UUID,
            f"its uuid {uuid} is also that of {others}, so none of them is offered; "
            "destroy all but one and create them again (ndctl destroy-namespace, ndctl create-namespace)",
        )
    return None


CHECKS = (_not_devdax, _no_size, _misaligned, _not_identified)
