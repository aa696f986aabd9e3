"""Verdicts: each reason has a case that gets it and a near miss that does not."""

from dataclasses import replace

import pytest

from nova_accel.eligibility.judge import Evidence, judge
from nova_accel.eligibility.verdict import Reason
from nova_accel.facts.pci import PciFacts
from nova_accel.facts.usage import Usage
from nova_accel.model import PciAddress

PCI = PciFacts(PciAddress(0, 1, 0, 0), "boot:1", "nvme", "7", (), None)
GOOD = Evidence(pci=PCI, driver="nvme_ssd_driver", serial="SN1", namespaces=("nvme0n1",))
VFIO = replace(GOOD, pci=replace(PCI, kernel_driver="vfio-pci"), namespaces=())

# reason: (what gets it, a near miss)
CASES = {
    Reason.ELIGIBLE: (GOOD, replace(GOOD, driver=None)),
    Reason.NOT_CONFIGURED: (replace(GOOD, driver=None), GOOD),
    Reason.MOUNTED: (replace(GOOD, usage=Usage(mount_points=("/srv",))), GOOD),
    Reason.SWAP: (replace(GOOD, usage=Usage(swaps=("/dev/nvme0n1p2",))), GOOD),
    Reason.HELD: (replace(GOOD, usage=Usage(holders=("dm-0 (vg-data)",))), GOOD),
    Reason.IN_USE: (replace(GOOD, held_by="/dev/nvme0n1 is in use by this host"), GOOD),
    Reason.FOREIGN_DRIVER: (VFIO, replace(VFIO, ours_on_vfio=True)),
    Reason.NO_NAMESPACE: (replace(GOOD, namespaces=()), replace(VFIO, ours_on_vfio=True)),
    Reason.NO_SERIAL: (replace(GOOD, serial=None), GOOD),
    Reason.DUPLICATE_SERIAL: (replace(GOOD, same_serial=("0000:02:00.0",)), GOOD),
    Reason.NO_IOMMU: (replace(GOOD, pci=replace(PCI, iommu_group=None)), GOOD),
    Reason.SHARED_IOMMU_GROUP: (replace(GOOD, pci=replace(PCI, group_others=("0000:02:00.0",))), GOOD),
    Reason.BEHIND_VMD: (
        replace(GOOD, pci=replace(PCI, address=PciAddress(0x10000, 1, 0, 0))),
        replace(GOOD, pci=replace(PCI, address=PciAddress(0xFFFF, 1, 0, 0))),
    ),
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
    shared_and_mounted = replace(CASES[Reason.SHARED_IOMMU_GROUP][0], usage=Usage(mount_points=("/",)))
    assert judge(shared_and_mounted).reason is Reason.MOUNTED
