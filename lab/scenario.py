"""What hardware a run wants: values only. ``lab.qemu`` turns them into QEMU's arguments."""

from __future__ import annotations

import dataclasses
import enum
import random
import string
from collections.abc import Iterator


class Place(enum.Enum):
    """Where an SSD sits, which decides its IOMMU group and NUMA node."""

    OWN_PORT = "behind a root port of its own: an IOMMU group of its own"
    SHARED_BRIDGE = "on one plain PCI bridge with others: one IOMMU group for all"
    NODE_1 = "below a host bridge of NUMA node 1"


class Use(enum.Enum):
    """What L1 itself does with an SSD before nova-compute starts; ``scripts/l1-use`` does it."""

    NOTHING = ""
    MOUNTED = "mounted"  # a file system on a partition
    MOUNTED_ELSEWHERE = "mounted-elsewhere"  # on a partition, in a process's own mount namespace
    HOST_ROOT = "host-root"  # a partition that is / for a process with a mount namespace of its own
    FILE_SYSTEM = "file-system"  # on the whole disk, mounted nowhere
    PARTITIONED = "partitioned"  # an empty partition
    PARTITION_HELD = "partition-held"  # a partition under a device-mapper device
    PARTITION_OPEN = "partition-open"  # a process has a partition open for writing
    SWAP = "swap"  # on a partition
    LVM = "lvm"  # the whole disk is a physical volume, with one logical volume
    LVM_IDLE = "lvm-idle"  # the same, its volume group not active
    MD = "md"  # the whole disk is a member of an array
    MD_IDLE = "md-idle"  # the same, the array stopped
    CRYPT = "crypt"  # LUKS on the whole disk, open
    CRYPT_IDLE = "crypt-idle"  # the same, closed
    BCACHE = "bcache"  # a backing device, running
    BCACHE_CACHE = "bcache-cache"  # a cache device, registered
    BCACHE_IDLE = "bcache-idle"  # a backing device, stopped
    ZFS = "zfs"  # what wipefs takes for a pool's member
    CEPH = "ceph"  # what wipefs takes for BlueStore
    OPEN = "open"  # a process has the disk open for reading
    OPEN_FOR_WRITING = "open-for-writing"
    LOOP = "loop"  # a loop device lies over the disk
    NVME_TARGET = "nvme-target"  # exported to other hosts by the kernel's NVMe target
    LIO_FILE = "lio-file"  # exported by LIO, as a file
    DOMAIN = "domain"  # passed through to a plain libvirt domain that runs
    DOMAIN_DISK = "domain-disk"  # the block device is a disk of a plain libvirt domain that runs
    DOMAIN_IDLE = "domain-idle"  # named by a plain libvirt domain that does not run
    VIRTUAL_FUNCTIONS = "virtual-functions"  # two of them
    NO_RESET = "no-reset"  # the kernel was told to use no reset method


@dataclasses.dataclass(frozen=True)
class Ssd:
    """One emulated NVMe controller with one namespace."""

    name: str
    serial: str
    size_mib: int
    place: Place = Place.OWN_PORT
    use: Use = Use.NOTHING
    virtual_functions: int = 0
    subsystem: str = ""
    """Names its NVM subsystem where the serial, which QEMU would take, is not one of its own."""

    @property
    def size_bytes(self) -> int:
        """Size of the namespace."""
        return self.size_mib << 20


class Shape(enum.Enum):
    """What is made of a piece of persistent memory; ``scripts/l1-namespaces`` does it."""

    DEVDAX = "devdax"
    DEVDAX_MAP_MEM = "devdax-map-mem"  # its page structures are in L1's memory: it loses no room to them
    DEVDAX_4K = "devdax-4k"  # aligned to 4 KiB only
    DISABLED = "disabled"  # devdax, without its device
    SYSTEM_RAM = "system-ram"  # devdax that L1 uses as memory
    OPEN = "open"  # devdax that a process has open
    MAPPED = "mapped"  # devdax that a process has mapped, and no longer open
    MAPPED_DISABLED = "mapped-disabled"  # the same, disabled since
    FSDAX = "fsdax"
    FSDAX_MOUNTED = "fsdax-mounted"
    SECTOR = "sector"
    RAW = "raw"
    EMPTY = "empty"  # what is left when ndctl is asked for 1 GiB with an alignment of 1 GiB: size 0


@dataclasses.dataclass(frozen=True)
class Namespace:
    """A namespace to be made in a region."""

    name: str
    size_mib: int
    shape: Shape = Shape.DEVDAX
    label: str = ""
    """The name on the label where it is not ``name``; two namespaces may have one."""

    @property
    def label_name(self) -> str:
        """What ndctl shows as its name."""
        return self.label or self.name


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
    iommu: bool = True
    empty_port: bool = False
    """Whether there is one more root port, ``port-empty``, that an SSD can be put into."""

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

    def pmem_mib(self) -> int:
        """A small namespace's size: a region hands out multiples of 16 MiB."""
        return self._random.randrange(64, 129, 16)

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
    """Two free SSDs, one of them on NUMA node 1 and able to have several controllers; L1's own disk; two in one IOMMU group; persistent
    memory on both nodes.
    """
    return Scenario(
        "smoke",
        ssds=(
            chance.ssd("free"),
            dataclasses.replace(chance.ssd("far", Place.NODE_1), subsystem="far"),
            chance.ssd("own-disk", use=Use.MOUNTED),
            chance.ssd("shared-a", Place.SHARED_BRIDGE),
            chance.ssd("shared-b", Place.SHARED_BRIDGE),
        ),
        nvdimms=(
            Nvdimm(
                "dimm0",
                512,
                0,
                (
                    Namespace("ns0", chance.pmem_mib()),
                    Namespace("ns1", chance.pmem_mib()),
                    Namespace("whole", 64, Shape.DEVDAX_MAP_MEM),
                    Namespace("files", 64, Shape.FSDAX),
                ),
            ),
            Nvdimm("dimm1", 256, 1, (Namespace("ns2", chance.pmem_mib()),)),
        ),
        empty_port=True,
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


def verdicts(chance: Chance) -> Scenario:
    """Every reason not to give an SSD or a namespace to a guest that can be made in L1, and free ones beside them."""
    twin = chance.serial()
    used = (one for one in Use if one not in (Use.NOTHING, Use.VIRTUAL_FUNCTIONS))
    return Scenario(
        "verdicts",
        ssds=(
            chance.ssd("free"),
            chance.ssd("far", Place.NODE_1),
            *(chance.ssd(use.value, use=use) for use in used),
            chance.ssd(Use.VIRTUAL_FUNCTIONS.value, use=Use.VIRTUAL_FUNCTIONS, virtual_functions=2),
            chance.ssd("no-functions", virtual_functions=2),
            dataclasses.replace(chance.ssd("twin-a"), serial=twin, subsystem="twin-a"),
            dataclasses.replace(chance.ssd("twin-b"), serial=twin, subsystem="twin-b"),
            dataclasses.replace(chance.ssd("no-serial"), serial="", subsystem="no-serial"),
            chance.ssd("shared-a", Place.SHARED_BRIDGE),
            chance.ssd("shared-b", Place.SHARED_BRIDGE),
        ),
        nvdimms=(
            Nvdimm("dimm0", 3072, 0, tuple(_each_shape())),
            Nvdimm("dimm1", 256, 1, (Namespace("ns2", 64), Namespace("twin-b", 64, label="twin"))),
        ),
    )


_LARGER = {Shape.SYSTEM_RAM: 512, Shape.EMPTY: 1024}


def _each_shape() -> Iterator[Namespace]:
    yield Namespace("ns0", 128)
    yield Namespace("ns1", 64)
    yield Namespace("twin-a", 64, label="twin")
    yield Namespace("not-configured", 64)
    for shape in Shape:
        if shape is not Shape.DEVDAX:
            yield Namespace(shape.value, _LARGER.get(shape, 64), shape)


def no_iommu(chance: Chance) -> Scenario:
    """A host without an IOMMU: one free SSD, one namespace."""
    return Scenario(
        "no-iommu",
        ssds=(chance.ssd("free"),),
        nvdimms=(Nvdimm("dimm0", 256, 0, (Namespace("ns0", 64),)),),
        iommu=False,
    )


def sizes(_chance: Chance) -> Scenario:
    """Persistent memory in namespaces of 0.5, 1 and 2 GiB, to see what takes longer for the larger ones."""
    spaces = (Namespace("half", 512), Namespace("one", 1024), Namespace("two", 2048))
    return Scenario("sizes", nvdimms=(Nvdimm("dimm0", 4096, 0, spaces),))


SCENARIOS = {
    "bare": bare,
    "smoke": smoke,
    "record": record,
    "verdicts": verdicts,
    "no-iommu": no_iommu,
    "sizes": sizes,
}
