"""What speaks against a device that nobody uses: it says itself that it fails. No rule of safety: a server that has one keeps it."""

from nova_accel.eligibility.evidence import NamespaceEvidence, SsdEvidence
from nova_accel.eligibility.verdict import Reason, Verdict

# Bits of the critical warning: NVM Express base specification, SMART / Health Information.
_SPARE = 1 << 0
_TEMPERATURE = 1 << 1
_WARNINGS = {
    _SPARE: "its spare blocks are nearly used up",
    _TEMPERATURE: "it is too hot or too cold",
    1 << 2: "it has become unreliable, by errors of its media or of its own",
    1 << 3: "its media can only be read any more",
    1 << 4: "the backup of its volatile memory has failed",
    1 << 5: "its persistent memory region can only be read any more",
}
_UNKNOWN = sum(1 << bit for bit in range(8)) - sum(_WARNINGS)
_COOL = "look after its cooling"
_REPLACE = "have it replaced"


def _critical_warning(evidence: SsdEvidence) -> Verdict | None:
    health = evidence.health
    if health is None or not health.critical_warning & ~_SPARE:
        return None
    remedy = _REPLACE if health.critical_warning & ~_TEMPERATURE else _COOL
    return Verdict(
        Reason.CRITICAL_WARNING,
        f"it warns that {_words(health.critical_warning)}; {_smart_log(evidence)} says more, {remedy}; "
        "it is offered again when it says that this is over",
    )


def _words(warning: int) -> str:
    known = [words for bit, words in _WARNINGS.items() if warning & bit]
    unknown = [f"something is wrong that nova_accel has no words for (0x{warning:02x})"] if warning & _UNKNOWN else []
    return " and ".join(known + unknown)


def _spare_low(evidence: SsdEvidence) -> Verdict | None:
    health = evidence.health
    if health is None:
        return None
    if health.spare_percent >= health.least_spare_percent and not health.critical_warning & _SPARE:
        return None
    return Verdict(
        Reason.SPARE_LOW,
        f"{_WARNINGS[_SPARE]}: {health.spare_percent} % are left, its vendor's limit is {health.least_spare_percent} %; "
        f"{_REPLACE} before it can only be read",
    )


def _worn_out(evidence: SsdEvidence) -> Verdict | None:
    health, limit = evidence.health, evidence.wear_limit_percent
    if health is None or health.used_percent <= limit:
        return None
    return Verdict(
        Reason.WORN_OUT,
        f"it has used {health.used_percent} % of its life, and ssd_wear_limit is {limit} %; "
        f"{_REPLACE}, or give [nova_accel] ssd_wear_limit a higher number, to offer its slot again",
    )


def _smart_log(evidence: SsdEvidence) -> str:
    """The command for an operator."""
    return f"nvme smart-log /dev/{evidence.namespaces[0]}" if evidence.namespaces else "nvme smart-log"


def _bad_blocks(evidence: NamespaceEvidence) -> Verdict | None:
    record = evidence.record
    if not record.bad_blocks:
        return None
    return Verdict(
        Reason.BAD_BLOCKS,
        f"the kernel knows {record.bad_blocks} bad blocks of 512 bytes in it, and a process that reads one is killed; "
        f"if nobody needs its data, ndctl clear-errors {record.dev} repairs what can be repaired; if they come back, replace the DIMM",
    )


SSD_CHECKS = (_critical_warning, _spare_low, _worn_out)
NAMESPACE_CHECKS = (_bad_blocks,)
