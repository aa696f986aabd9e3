"""The values that travel through nova_accel: devices, deployables and attach handles.

The words are Cyborg's and Placement's. Everything here is immutable and knows nothing of Nova, files or tools.
"""

import enum
import re
from dataclasses import dataclass

_PCI_ADDRESS = re.compile(
    r"(?:(?P<domain>[0-9a-f]{4,8}):)?(?P<bus>[0-9a-f]{2}):(?P<slot>[0-9a-f]{2})\.(?P<function>[0-7])",
    re.ASCII,
)


@dataclass(frozen=True, order=True)
class PciAddress:
    """Where a PCI function sits. The domain has up to 32 bits: those behind Intel VMD start at 0x10000."""

    domain: int
    bus: int
    slot: int
    function: int

    @classmethod
    def parse(cls, text: str) -> "PciAddress":
        """Read ``0000:01:00.0`` or ``10000:01:00.0``; a missing domain is 0.

        :raises ValueError: for anything else
        """
        match = _PCI_ADDRESS.fullmatch(text)
        if match is None or int(match["slot"], 16) > 0x1F:
            raise ValueError(f"{text[:40]!r} is not a PCI address such as 0000:01:00.0")
        return cls(
            int(match["domain"] or "0", 16),
            int(match["bus"], 16),
            int(match["slot"], 16),
            int(match["function"], 16),
        )

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function:x}"


@dataclass(frozen=True)
class PciRecord:
    """One PCI function as lspci numbers it; names, where lspci was asked for them, are for people only."""

    address: PciAddress
    class_id: int
    """16 bits, such as 0x0108 for a non-volatile memory controller."""
    prog_if: int
    vendor_id: int
    product_id: int
    vendor_name: str | None = None
    product_name: str | None = None

    @property
    def is_nvme(self) -> bool:
        """Whether this is an NVM Express controller (class 0108, programming interface 02)."""
        return self.class_id == 0x0108 and self.prog_if == 0x02


class HandleKind(enum.Enum):
    """How an attach handle gets into a guest."""

    PCI = "pci"
    NVDIMM = "nvdimm"
    USB = "usb"
    MDEV = "mdev"


@dataclass(frozen=True, order=True)
class HandleId:
    """What stays the same about an attach handle when addresses change."""

    resource_class: str
    identity: str
    """NVMe serial number; uuid in the label of a PMEM namespace. It is what ``objects.Resource.identifier`` holds."""

    def __str__(self) -> str:
        return f"{self.resource_class} {self.identity}"


@dataclass(frozen=True)
class AttachHandle:
    """What one guest gets: one SSD, or one PMEM namespace."""

    id: HandleId
    kind: HandleKind
    address: str
    """Where it is now: a PCI address, or the namespace's name such as ``namespace0.1``."""
    incarnation: str
    """Changes whenever the device is removed, replaced or the host reboots; see :mod:`nova_accel.facts.presence`."""
    size_bytes: int | None = None
    """What a guest is given; None where it is not known without opening the device."""
    align_bytes: int | None = None
    """The alignment that a mapping of it needs; None for what is not mapped."""
    numa_node: int | None = None
    label: str = ""
    """The operator's word for it, as in ``pmem_namespaces``; empty where there is none."""


@dataclass(frozen=True)
class Deployable:
    """The part of a device that becomes one resource provider."""

    kind: str
    """Short word for provider names: ``ssd`` or ``pmem``."""
    identity: str
    traits: frozenset[str]
    handles: tuple[AttachHandle, ...]


@dataclass(frozen=True)
class Device:
    """The hardware: one SSD, or one PMEM region."""

    driver: str
    deployables: tuple[Deployable, ...]

    @property
    def handles(self) -> tuple[AttachHandle, ...]:
        """All attach handles of the device, in order."""
        return tuple(handle for part in self.deployables for handle in part.handles)
