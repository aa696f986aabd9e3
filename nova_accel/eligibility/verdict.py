"""The verdicts there are."""

import enum
from dataclasses import dataclass


class Reason(enum.Enum):
    """Why a handle is, or is not, to be given away."""

    ELIGIBLE = "eligible"

    # which of our drivers takes it
    NOT_CONFIGURED = "not configured"
    CLAIMED_TWICE = "claimed by two drivers"
    AMBIGUOUS_NAME = "ambiguous name"

    # what the host does with it
    HOST_ROOT = "host root"
    MOUNTED = "mounted"
    MOUNTED_ELSEWHERE = "mounted elsewhere"
    SWAP = "swap"
    LVM = "LVM"
    MD = "MD"
    BCACHE = "bcache"
    DM_CRYPT = "dm-crypt"
    ZFS = "ZFS"
    CEPH = "Ceph"
    HELD = "held"
    PARTITION_IN_USE = "partition in use"
    IN_USE = "in use"
    NOT_CHECKED = "not checked"

    # who else may give it away
    OTHER_DOMAIN = "other domain"
    DOUBLE_OWNER = "double owner"

    # SSDs
    FOREIGN_DRIVER = "foreign driver"
    NO_NAMESPACE = "no namespace"
    NO_SERIAL = "no serial"
    DUPLICATE_SERIAL = "duplicate serial"
    BEHIND_VMD = "behind VMD"
    NO_IOMMU = "no IOMMU"
    SHARED_IOMMU_GROUP = "shared IOMMU group"
    HAS_VFS = "has VFs"
    NO_RESET = "no reset"
    CRITICAL_WARNING = "critical warning"
    SPARE_LOW = "spare low"
    WORN_OUT = "worn out"

    # PMEM namespaces
    FSDAX = "fsdax"
    SECTOR = "sector"
    RAW = "raw"
    SYSTEM_RAM = "system-ram"
    DISABLED = "disabled"
    EMPTY = "empty"
    MISALIGNED = "misaligned"
    NO_UUID = "no uuid"
    DUPLICATE_UUID = "duplicate uuid"
    BAD_BLOCKS = "bad blocks"

    @property
    def host_uses_it(self) -> bool:
        """Whether the host may have written to the device, so that nothing is proven about its content any more."""
        return self in _WRITTEN_BY_HOST

    @property
    def is_out_of_our_hands(self) -> bool:
        """Whether somebody else may have the device, or may write to it without our seeing it: root's side does not look at it now."""
        return not (self in (Reason.ELIGIBLE, Reason.NOT_CHECKED) or self.is_about_health)

    @property
    def is_about_health(self) -> bool:
        """Whether the device would be offered were it well, and is as soon as it says that it is again."""
        return self in _HEALTH


_WRITTEN_BY_HOST = frozenset(
    {
        Reason.HOST_ROOT,
        Reason.MOUNTED,
        Reason.MOUNTED_ELSEWHERE,
        Reason.SWAP,
        Reason.LVM,
        Reason.MD,
        Reason.BCACHE,
        Reason.DM_CRYPT,
        Reason.ZFS,
        Reason.CEPH,
        Reason.HELD,
        Reason.PARTITION_IN_USE,
        Reason.IN_USE,
        Reason.OTHER_DOMAIN,
        Reason.FSDAX,
        Reason.SECTOR,
        Reason.RAW,
        Reason.SYSTEM_RAM,
    }
)

_HEALTH = frozenset({Reason.CRITICAL_WARNING, Reason.SPARE_LOW, Reason.WORN_OUT, Reason.BAD_BLOCKS})


@dataclass(frozen=True)
class Verdict:
    """A reason, and the sentence that an operator reads."""

    reason: Reason
    sentence: str

    @property
    def eligible(self) -> bool:
        """Whether the handle may be given to a guest."""
        return self.reason is Reason.ELIGIBLE
