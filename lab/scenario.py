"""What hardware a run wants: values only. ``lab.qemu`` turns them into QEMU's arguments."""

from __future__ import annotations

import dataclasses
import enum
import random
import string


class Place(enum.Enum):
    """Where an SSD sits, which decides its IOMMU group and NUMA node."""

    OWN_PORT = "behind a root port of its own: an IOMMU group of its own"
    SHARED_BRIDGE = "on one plain PCI bridge with others: one IOMMU group for all"
    NODE_1 = "below a host bridge of NUMA node 1"


class Use(enum.Enum):
    """What L1 itself does with an SSD before nova-compute starts."""

    NOTHING = ""
    MOUNTED = "mounted"  # a file system on a partition
    SWAP = "swap"  # on a partition
    LVM = "lvm"  # the whole disk is a physical volume, with one logical volume
    MD = "md"  # the whole disk is a member of an array


@dataclasses.dataclass(frozen=True)
class Ssd:
    """One emulated NVMe controller with one namespace."""

    name: str
    serial: str
    size_mib: int
    place: Place = Place.OWN_PORT
    use: Use = Use.NOTHING
    virtual_functions: int = 0

    @property
    def size_bytes(self) -> int:
        """Size of the namespace."""
        return self.size_mib << 20


@dataclasses.dataclass(frozen=True)
class Namespace:
    """A devdax namespace to be made in a region."""

    name: str
    size_mib: int


@dataclasses.dataclass(frozen=True)
class Nvdimm:
    """One emulated NVDIMM: a persistent memory region and its namespaces."""

    name: str
    region_mib: int
    node: int = 0
    namespaces: tuple[Namespace, ...] = ()

    LABEL_MIB = 2

    def __post_init__(self) -> None:
        if self.region_mib % 16:
            raise ValueError(f"the region of {self.name} has {self.region_mib} MiB: not a multiple of 16")


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One emulated compute host.

    One virtual CPU unless there is a reason for more: without KVM, two of them that run at the same time can hang L1 when its
    kernel patches its own code, which it does whenever the first guest starts and the last one ends. See README.md.
    """

    name: str
    ssds: tuple[Ssd, ...] = ()
    nvdimms: tuple[Nvdimm, ...] = ()
    memory_mib: int = 4096
    cpus: int = 1

    def ssd(self, name: str) -> Ssd:
        """The SSD called ``name`` in the scenario."""
        return next(ssd for ssd in self.ssds if ssd.name == name)

    @property
    def nodes(self) -> int:
        """How many NUMA nodes L1 has."""
        second = any(ssd.place is Place.NODE_1 for ssd in self.ssds) or any(dimm.node for dimm in self.nvdimms)
        return 2 if second else 1


class Chance:
    """Random serials, sizes, nonces and offsets, from one seed that the run prints."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def serial(self) -> str:
        """A controller's serial number: letters and digits, at most 20."""
        length = self._random.randint(8, 20)
        return "".join(self._random.choices(string.ascii_uppercase + string.digits, k=length))

    def size_mib(self) -> int:
        """A small SSD's size."""
        return self._random.randrange(64, 161, 4)

    def nonce(self) -> str:
        """What a guest writes: 32 hexadecimal digits."""
        return f"{self._random.getrandbits(128):032x}"

    def offset(self, size_bytes: int, length: int) -> int:
        """Somewhere on a device, not aligned to anything."""
        return self._random.randrange(4096, size_bytes - length)

    def ssd(self, name: str, place: Place = Place.OWN_PORT, use: Use = Use.NOTHING, virtual_functions: int = 0) -> Ssd:
        """An SSD with a random serial and size."""
        return Ssd(name, self.serial(), self.size_mib(), place, use, virtual_functions)


def bare(_chance: Chance) -> Scenario:
    """No devices at all."""
    return Scenario("bare")


def smoke(chance: Chance) -> Scenario:
    """Two free SSDs, one of them on NUMA node 1; L1's own disk; two in one IOMMU group."""
    return Scenario(
        "smoke",
        ssds=(
            chance.ssd("free"),
            chance.ssd("far", Place.NODE_1),
            chance.ssd("own-disk", use=Use.MOUNTED),
            chance.ssd("shared-a", Place.SHARED_BRIDGE),
            chance.ssd("shared-b", Place.SHARED_BRIDGE),
        ),
    )


def record(chance: Chance) -> Scenario:
    """Every use that an SSD can have in L1, an SR-IOV one, and persistent memory on both nodes."""
    return Scenario(
        "record",
        ssds=(
            *smoke(chance).ssds,
            chance.ssd("swap", use=Use.SWAP),
            chance.ssd("lvm", use=Use.LVM),
            chance.ssd("md", use=Use.MD),
            chance.ssd("sriov", virtual_functions=2),
        ),
        nvdimms=(
            Nvdimm("dimm0", 512, 0, (Namespace("ns0", 128), Namespace("ns1", 64))),
            Nvdimm("dimm1", 256, 1, (Namespace("ns2", 64),)),
        ),
    )


SCENARIOS = {"bare": bare, "smoke": smoke, "record": record}
