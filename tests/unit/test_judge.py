"""Verdicts: each reason has a case that gets it and a near miss that does not."""

from dataclasses import replace

import pytest

from nova_accel.eligibility.evidence import NamespaceEvidence, SsdEvidence
from nova_accel.eligibility.judge import judge
from nova_accel.eligibility.verdict import Reason
from nova_accel.facts.pci import PciFacts
from nova_accel.facts.usage import Use, UseKind
from nova_accel.model import PciAddress
from nova_accel.parsers.ndctl import NamespaceRecord
from nova_accel.parsers.nvme_health import SsdHealth
from nova_accel.privsep.reading import UNREADABLE

PCI = PciFacts(PciAddress(0, 1, 0, 0), "boot:1", "nvme", "7", (), None)
WELL = SsdHealth(critical_warning=0, spare_percent=100, least_spare_percent=10, used_percent=3)
GOOD = SsdEvidence(pci=PCI, driver="nvme_ssd_driver", serial="SN1", namespaces=("nvme0n1",), health=WELL)
VFIO = replace(GOOD, pci=replace(PCI, kernel_driver="vfio-pci"), namespaces=())
UUID = "5d0b6d2c-8f0e-4a55-9a3b-2c7f9a1e6b41"
RECORD = NamespaceRecord(
    dev="namespace0.0",
    region="region0",
    mode="devdax",
    size_bytes=64 * 1024**2,
    uuid="8174b447-f075-4da9-a65c-22abd3e56fb1",
    raw_uuid=UUID,
    name="ns0",
    chardev="dax0.0",
    blockdev=None,
    align_bytes=2 * 1024**2,
    map="dev",
    numa_node=None,
    enabled=True,
    dax_mode="devdax",
)
PMEM = NamespaceEvidence(record=RECORD, driver="intel_pmem_driver")


def used(kind, words="somehow", partition=False):
    return replace(GOOD, usage=(Use(kind, "nvme0n1p1" if partition else "nvme0n1", partition, words),))


def health(**says):
    return replace(GOOD, health=replace(WELL, **says))


def pmem(**record):
    return replace(PMEM, record=replace(RECORD, **record))


# reason: (what gets it, a near miss)
CASES = {
    Reason.ELIGIBLE: (GOOD, replace(GOOD, driver=None)),
    Reason.NOT_CONFIGURED: (replace(GOOD, driver=None), GOOD),
    Reason.CLAIMED_TWICE: (replace(GOOD, rival="another_driver"), GOOD),
    Reason.AMBIGUOUS_NAME: (replace(PMEM, same_name=("namespace1.0",)), PMEM),
    Reason.HOST_ROOT: (used(UseKind.ROOT, "mounted at /"), used(UseKind.MOUNT, "mounted at /srv")),
    Reason.MOUNTED: (used(UseKind.MOUNT, "mounted at /srv"), used(UseKind.MOUNT, "mounted at /srv", partition=True)),
    Reason.MOUNTED_ELSEWHERE: (replace(GOOD, mounted_elsewhere="/mnt in a container"), GOOD),
    Reason.SWAP: (used(UseKind.SWAP), used(UseKind.MOUNT)),
    Reason.LVM: (used(UseKind.LVM), used(UseKind.DM_CRYPT)),
    Reason.MD: (replace(GOOD, signatures=("linux_raid_member",)), replace(GOOD, signatures=("ext4",))),
    Reason.BCACHE: (used(UseKind.BCACHE), used(UseKind.HOLDER)),
    Reason.DM_CRYPT: (replace(GOOD, signatures=("crypto_LUKS",)), replace(GOOD, signatures=("gpt",))),
    Reason.ZFS: (replace(GOOD, signatures=("gpt", "zfs_member")), replace(GOOD, signatures=("gpt",))),
    Reason.CEPH: (replace(GOOD, signatures=("ceph_bluestore",)), replace(GOOD, signatures=("xfs",))),
    Reason.HELD: (used(UseKind.HOLDER, "as part of dm-0 (vg-data)"), used(UseKind.HOLDER, partition=True)),
    Reason.PARTITION_IN_USE: (used(UseKind.MOUNT, partition=True), used(UseKind.MOUNT)),
    Reason.IN_USE: (replace(GOOD, held_by="/dev/nvme0n1 is in use by this host"), GOOD),
    Reason.NOT_CHECKED: (replace(GOOD, unchecked="no answer"), replace(GOOD, signatures=("ext4",))),
    Reason.OTHER_DOMAIN: (replace(GOOD, domains=(UUID,)), GOOD),
    Reason.DOUBLE_OWNER: (replace(PMEM, double_owner="[libvirt] pmem_namespaces"), PMEM),
    Reason.FOREIGN_DRIVER: (VFIO, replace(VFIO, ours_on_vfio=True)),
    Reason.NO_NAMESPACE: (replace(GOOD, namespaces=()), replace(VFIO, ours_on_vfio=True)),
    Reason.NO_SERIAL: (replace(GOOD, serial=None), GOOD),
    Reason.DUPLICATE_SERIAL: (replace(GOOD, same_serial=("0000:02:00.0",)), GOOD),
    Reason.BEHIND_VMD: (
        replace(GOOD, pci=replace(PCI, address=PciAddress(0x10000, 1, 0, 0))),
        replace(GOOD, pci=replace(PCI, address=PciAddress(0xFFFF, 1, 0, 0))),
    ),
    Reason.NO_IOMMU: (replace(GOOD, pci=replace(PCI, iommu_group=None)), GOOD),
    Reason.SHARED_IOMMU_GROUP: (replace(GOOD, pci=replace(PCI, group_others=("0000:02:00.0",))), GOOD),
    Reason.HAS_VFS: (replace(GOOD, pci=replace(PCI, vfs=2)), GOOD),
    Reason.NO_RESET: (replace(GOOD, pci=replace(PCI, can_reset=False)), GOOD),
    Reason.CRITICAL_WARNING: (health(critical_warning=0b100), health(critical_warning=0)),
    Reason.SPARE_LOW: (health(spare_percent=9), health(spare_percent=10)),
    Reason.WORN_OUT: (health(used_percent=101), health(used_percent=100)),
    Reason.FSDAX: (pmem(mode="fsdax"), PMEM),
    Reason.SECTOR: (pmem(mode="sector"), PMEM),
    Reason.RAW: (pmem(mode="raw"), pmem(mode="raw", enabled=False)),
    Reason.SYSTEM_RAM: (pmem(dax_mode="system-ram"), PMEM),
    Reason.DISABLED: (pmem(enabled=False, chardev=None), PMEM),
    Reason.EMPTY: (pmem(size_bytes=0), pmem(size_bytes=2 * 1024**2)),
    Reason.MISALIGNED: (pmem(size_bytes=3 * 1024**2), pmem(size_bytes=4 * 1024**2)),
    Reason.NO_UUID: (pmem(raw_uuid=None), pmem(uuid=None)),
    Reason.DUPLICATE_UUID: (replace(PMEM, same_uuid=("namespace1.0",)), PMEM),
    Reason.BAD_BLOCKS: (pmem(bad_blocks=17), pmem(bad_blocks=0)),
}


def test_every_reason_has_a_case():
    assert set(CASES) == set(Reason)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_the_reason_is_given(reason):
    verdict = judge(CASES[reason][0])
    assert verdict.reason is reason
    assert verdict.sentence
    assert verdict.eligible is (reason is Reason.ELIGIBLE)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_the_near_miss_does_not_get_it(reason):
    assert judge(CASES[reason][1]).reason is not reason


def test_the_others_of_a_shared_group_are_named():
    assert "0000:02:00.0" in judge(CASES[Reason.SHARED_IOMMU_GROUP][0]).sentence


def test_the_hosts_own_use_is_told_before_anything_else():
    shared_and_mounted = replace(CASES[Reason.SHARED_IOMMU_GROUP][0], usage=CASES[Reason.MOUNTED][0].usage)
    assert judge(shared_and_mounted).reason is Reason.MOUNTED


def test_a_namespace_without_any_fault_is_eligible():
    assert judge(PMEM).eligible


def test_what_lies_on_a_disk_and_cannot_be_read_is_no_all_clear():
    assert judge(replace(GOOD, signatures=(UNREADABLE,))).reason is Reason.NOT_CHECKED
