"""What the host itself, or anybody beside us, does with a device."""

from collections.abc import Sequence

from nova_accel.eligibility.evidence import Evidence, NamespaceEvidence, SsdEvidence
from nova_accel.eligibility.verdict import Reason, Verdict
from nova_accel.facts.usage import Use, UseKind
from nova_accel.privsep.reading import UNREADABLE

_REASONS = {
    UseKind.ROOT: Reason.HOST_ROOT,
    UseKind.SWAP: Reason.SWAP,
    UseKind.LVM: Reason.LVM,
    UseKind.MD: Reason.MD,
    UseKind.BCACHE: Reason.BCACHE,
    UseKind.DM_CRYPT: Reason.DM_CRYPT,
    UseKind.MOUNT: Reason.MOUNTED,
    UseKind.HOLDER: Reason.HELD,
}
_REMEDIES = {
    UseKind.ROOT: "it is never offered",
    UseKind.LVM: "vgreduce and pvremove it to offer it",
    UseKind.MD: "take it out of the array with mdadm, and mdadm --zero-superblock it, to offer it",
    UseKind.BCACHE: "stop bcache on it and wipefs it, if nobody needs that, to offer it",
    UseKind.DM_CRYPT: "cryptsetup close that and wipefs it, if nobody needs that, to offer it",
    UseKind.SWAP: "run swapoff and take it out of /etc/fstab to offer it",
    UseKind.MOUNT: "unmount it to offer it",
}
_TAKE_OUT = "take it out of there to offer it"

# wipefs(8)'s words for what makes a disk part of something larger, also while that is not running
_MEMBERS = {
    "LVM2_member": (Reason.LVM, "an LVM physical volume"),
    "LVM1_member": (Reason.LVM, "an LVM physical volume"),
    "linux_raid_member": (Reason.MD, "a member of an MD array"),
    "isw_raid_member": (Reason.MD, "a member of a firmware RAID"),
    "ddf_raid_member": (Reason.MD, "a member of a firmware RAID"),
    "bcache": (Reason.BCACHE, "a bcache device"),
    "zfs_member": (Reason.ZFS, "a member of a ZFS pool"),
    "ceph_bluestore": (Reason.CEPH, "a Ceph OSD"),
    "crypto_LUKS": (Reason.DM_CRYPT, "a LUKS volume"),
    "swap": (Reason.SWAP, "a swap area"),
}


def _disks(evidence: Evidence) -> str:
    """What an operator has to name in a command."""
    return ", ".join(f"/dev/{name}" for name in evidence.namespaces) if isinstance(evidence, SsdEvidence) else "it"


def _used(evidence: Evidence) -> Verdict | None:
    """The worst use that can be seen without root."""
    for kind, reason in _REASONS.items():
        uses = [use for use in evidence.usage if use.kind is kind]
        if uses:
            return _verdict(reason, kind, uses)
    return None


def _verdict(reason: Reason, kind: UseKind, uses: Sequence[Use]) -> Verdict:
    words = ", ".join(use.words for use in uses)
    remedy = _REMEDIES.get(kind, _TAKE_OUT)
    partitions = sorted({use.device for use in uses if use.is_partition})
    if partitions and reason in (Reason.MOUNTED, Reason.HELD):
        return Verdict(Reason.PARTITION_IN_USE, f"the host has its partition {', '.join(partitions)} {words}; {remedy}")
    return Verdict(reason, f"the host has it {words}; {remedy}")


def _mounted_elsewhere(evidence: Evidence) -> Verdict | None:
    if not evidence.mounted_elsewhere:
        return None
    return Verdict(
        Reason.MOUNTED_ELSEWHERE, f"it is mounted at {evidence.mounted_elsewhere}; unmount it there to offer it"
    )


def _part_of_something(evidence: Evidence) -> Verdict | None:
    if UNREADABLE in evidence.signatures:
        return Verdict(
            Reason.NOT_CHECKED,
            f"whether anything needs what is written on {_disks(evidence)} could not be read; "
            "dmesg and nvme smart-log say whether it is broken, and the next look tries again",
        )
    members = (_MEMBERS[signature] for signature in evidence.signatures if signature in _MEMBERS)
    for reason, words in members:
        if evidence.held_by:
            return Verdict(reason, f"{evidence.held_by}, and what is written on it makes it {words}; {_TAKE_OUT}")
        return Verdict(
            reason,
            f"{_disks(evidence)} is {words}, by what is written on it; "
            "if nobody needs that, run wipefs --all on its partitions and then on it to offer it",
        )
    return None


def _in_use(evidence: Evidence) -> Verdict | None:
    if not evidence.held_by:
        return None
    if isinstance(evidence, NamespaceEvidence):
        return Verdict(Reason.IN_USE, f"{evidence.held_by}; end that to offer it")
    return Verdict(
        Reason.IN_USE,
        f"{evidence.held_by}; lsblk, fuser and the mounts of containers say more, end that use to offer it",
    )


def _unchecked(evidence: Evidence) -> Verdict | None:
    if not evidence.unchecked:
        return None
    return Verdict(
        Reason.NOT_CHECKED, f"whether it is in use could not be checked, so it is not offered: {evidence.unchecked}"
    )


def _other_domain(evidence: Evidence) -> Verdict | None:
    if not evidence.domains:
        return None
    return Verdict(
        Reason.OTHER_DOMAIN,
        f"libvirt domain {', '.join(evidence.domains)} has it and did not get it from nova_accel; "
        "take it out of that domain (virsh edit), or undefine the domain, to offer it",
    )


def _double_owner(evidence: Evidence) -> Verdict | None:
    if not evidence.double_owner:
        return None
    return Verdict(
        Reason.DOUBLE_OWNER,
        f"{evidence.double_owner} names it too, so Nova would give it away twice; take it out of that option, or out of ours",
    )


CHECKS = (_used, _mounted_elsewhere, _part_of_something, _in_use, _other_domain, _double_owner, _unchecked)
