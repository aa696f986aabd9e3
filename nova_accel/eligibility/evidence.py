"""Everything that a verdict depends on, read before."""

from dataclasses import dataclass

from nova_accel.facts.pci import PciFacts
from nova_accel.facts.usage import Use
from nova_accel.parsers.ndctl import NamespaceRecord
from nova_accel.parsers.nvme_health import SsdHealth


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is asked of any device."""

    driver: str | None
    """Which of our drivers takes it; None when the configuration gives it to none."""
    rival: str | None = None
    """Another driver that wants it and does not stand back."""
    usage: tuple[Use, ...] = ()
    """What the host does with its block devices, as far as anybody can see."""
    held_by: str = ""
    """What root's side found: a sentence; empty while it was not asked or nobody uses the device."""
    mounted_elsewhere: str = ""
    """A mount in another mount namespace, in words."""
    signatures: tuple[str, ...] = ()
    """What lies on its disks, as wipefs names it: ``LVM2_member``."""
    unchecked: str = ""
    """Why root's side, or libvirt, could not be asked."""
    domains: tuple[str, ...] = ()
    """Uuids of libvirt domains that have it and to which we did not give it."""
    double_owner: str = ""
    """The option of Nova that gives it away too."""


@dataclass(frozen=True, kw_only=True)
class SsdEvidence(Evidence):
    """One NVMe controller."""

    pci: PciFacts
    serial: str | None
    same_serial: tuple[str, ...] = ()
    """Addresses of other controllers that carry the same serial."""
    namespaces: tuple[str, ...] = ()
    """Its block devices."""
    ours_on_vfio: bool = False
    """Whether the ledger says that we bound this very device to vfio-pci."""
    health: SsdHealth | None = None
    """What it says of itself; None while it was not asked, or what it said could not be read."""
    wear_limit_percent: int = 100
    """More than this used of its life is too much."""


@dataclass(frozen=True, kw_only=True)
class NamespaceEvidence(Evidence):
    """One PMEM namespace."""

    record: NamespaceRecord
    same_name: tuple[str, ...] = ()
    """Other namespaces that carry the same name."""
    same_uuid: tuple[str, ...] = ()
    """Other namespaces that carry the same uuid."""
