"""The verdicts there are."""

import enum
from dataclasses import dataclass


class Reason(enum.Enum):
    """Why a handle is, or is not, to be given away."""

    ELIGIBLE = "eligible"
    NOT_CONFIGURED = "not configured"
    MOUNTED = "mounted"
    SWAP = "swap"
    HELD = "held"
    IN_USE = "in use"
    FOREIGN_DRIVER = "foreign driver"
    NO_NAMESPACE = "no namespace"
    NO_SERIAL = "no serial"
    DUPLICATE_SERIAL = "duplicate serial"
    NO_IOMMU = "no IOMMU"
    SHARED_IOMMU_GROUP = "shared IOMMU group"
    BEHIND_VMD = "behind VMD"

    @property
    def host_uses_it(self) -> bool:
        """Whether the host may have written to the device, so that nothing is proven about its content any more."""
        return self in (Reason.MOUNTED, Reason.SWAP, Reason.HELD, Reason.IN_USE)


@dataclass(frozen=True)
class Verdict:
    """A reason, and the sentence that an operator reads."""

    reason: Reason
    sentence: str

    @property
    def eligible(self) -> bool:
        """Whether the handle may be given to a guest."""
        return self.reason is Reason.ELIGIBLE
