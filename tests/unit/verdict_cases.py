"""For each verdict a recorded device that gets it, and a near miss: the same host with one thing different, that does not.

Where the emulated host cannot be brought to show something, a recording is copied and edited in one place; the case says in which.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from nova_accel.eligibility.verdict import Reason
from nova_accel.exception import PrivilegedCallError
from tests.fakes.recorded import DATA, RecordedHost, shapes

Edit = Callable[[RecordedHost], None]

EVERYTHING = ("verdicts", "pmem")
_SHAPES = {(one.kind, one.name): one for one in shapes("verdicts").values()}
NAMES = tuple(
    sorted(
        {
            "twin" if name.startswith("twin") else name
            for kind, name in _SHAPES
            if kind == "namespace" and name != "not-configured"
        }
    )
)
"""What pmem_namespaces names, if a case does not say otherwise."""


@dataclass(frozen=True)
class Recorded:
    """Which recordings a host is made of."""

    folders: tuple[str, ...] = EVERYTHING
    sysfs_pci: str = "sysfs-pci.txt"
    lspci: str = "lspci-Dnmm.txt"
    mountinfo: str = "proc-self-mountinfo.txt"
    ndctl: str = "ndctl-list-NRDvi.json"


@dataclass(frozen=True)
class Sight:
    """A device at an address of a host."""

    at: str
    says: str
    """What is recorded there, or what is edited or different."""
    host: Recorded = field(default_factory=Recorded)
    edit: Edit | None = None
    names: tuple[str, ...] = NAMES
    rivals: tuple[str, ...] = ()
    """Further drivers for any NVMe SSD, by name; one called ``specific…`` goes before those that are not."""
    nova: Mapping[str, list[str]] = field(default_factory=dict)
    """Nova's own options, ``group.option``."""
    given_to_the_domain: bool = False
    """Whether the ledger says that it was us who gave the SSD to the libvirt domain that has it."""


@dataclass(frozen=True)
class Case:
    """One verdict."""

    gets_it: Sight
    near_miss: Sight


def ssd(name: str) -> str:
    """The address of an SSD by its name in the lab's scenario."""
    return _SHAPES["ssd", name].address


def space(name: str) -> str:
    """The address of a namespace by its name in the lab's scenario."""
    return _SHAPES["namespace", name].address


def uuid(name: str) -> str:
    """The uuid in the label of a namespace."""
    return _SHAPES["namespace", name].identity


def _serial_is(address: str, serial: str, host: RecordedHost) -> None:
    (controller,) = (host.roots.sys / "bus/pci/devices" / address / "nvme").iterdir()
    host.edit_file(f"/sys/bus/pci/devices/{address}/nvme/{controller.name}/serial", serial)


def _namespace_is(dev: str, changes: Mapping[str, object], host: RecordedHost) -> None:
    """Let ndctl say something else about one namespace; None takes a key away."""

    def edit(text: str) -> str:
        listing = json.loads(text)
        (found,) = [one for region in listing["regions"] for one in region["namespaces"] if one["dev"] == dev]
        found.update(changes)
        for key in [key for key, value in changes.items() if value is None]:
            del found[key]
        return json.dumps(listing)

    host.edit_ndctl(edit)


def _in_domain(domain: str, host: RecordedHost) -> None:
    """Move the SSD "free" into another PCI domain."""
    old, new = ssd("free"), ssd("free").replace("0000", domain, 1)
    group = (host.roots.sys / "bus/pci/devices" / old / "iommu_group").readlink().name
    members = f"/sys/kernel/iommu_groups/{group}/devices"
    host.edit_move(f"/sys/bus/pci/devices/{old}", f"/sys/bus/pci/devices/{new}")
    host.edit_move(f"{members}/{old}", f"{members}/{new}")
    host.edit_lspci(lambda text: text.replace(f"{old} ", f"{new} "))


def _root_side_is_silent(host: RecordedHost) -> None:
    def silent(_: object) -> dict[str, str]:
        raise PrivilegedCallError("who_uses", "the privsep daemon did not answer in time")

    host.who_uses = silent  # type: ignore[method-assign]


def _alone_in_its_group(host: RecordedHost) -> None:
    group = (host.roots.sys / "bus/pci/devices" / ssd("shared-a") / "iommu_group").readlink().name
    host.edit_remove(f"/sys/kernel/iommu_groups/{group}/devices/{ssd('shared-b')}")


def _signatures_are(address: str, *types: str) -> Edit:
    return lambda host: host.edit_answer("signatures", address, list(types))


def _health(address: str, **says: object) -> Edit:
    """Let an SSD say something else of its health than the one that was recorded."""
    well = json.loads((DATA / "captures/nvme2-smart.json").read_text())
    return lambda host: host.edit_answer("smart_logs", address, json.dumps(well | says))


def _recorded(at: str, says: str) -> Sight:
    return Sight(at, says)


_ONE_ON_VFIO = Recorded(("",), "sysfs-pci-one-on-vfio.txt", "lspci-Dnmm-one-on-vfio.txt")
_DM = "/sys/class/block/dm-1/dm/uuid"

CASES = {
    Reason.ELIGIBLE: Case(
        _recorded(ssd("open"), "a process has it open for reading, which hinders nobody"),
        _recorded(ssd("open-for-writing"), "a process has it open for writing"),
    ),
    Reason.NOT_CONFIGURED: Case(
        _recorded(space("not-configured"), "devdax that pmem_namespaces does not name"),
        Sight(space("not-configured"), "pmem_namespaces names it", names=(*NAMES, "not-configured")),
    ),
    Reason.CLAIMED_TWICE: Case(
        Sight(ssd("free"), "edited: a second driver for any NVMe SSD is enabled", rivals=("another_ssd_driver",)),
        Sight(ssd("free"), "the second driver is for certain SSDs and goes first", rivals=("specific_ssd_driver",)),
    ),
    Reason.AMBIGUOUS_NAME: Case(
        _recorded(space("twin-a"), "namespaces of two regions are called twin"),
        Sight(
            space("twin-a"),
            "the other one is called otherwise",
            edit=partial(_namespace_is, space("twin-b"), {"name": "ns2b"}),
            names=(*NAMES, "ns2b"),
        ),
    ),
    Reason.HOST_ROOT: Case(
        Sight(
            ssd("host-root"),
            "/ is on a partition of it, for a nova-compute that runs there",
            Recorded(mountinfo="proc-self-mountinfo-host-root.txt"),
        ),
        _recorded(ssd("host-root"), "it is / for another process only"),
    ),
    Reason.MOUNTED: Case(
        _recorded(space("fsdax-mounted"), "a file system on it is mounted"),
        _recorded(space("fsdax"), "the same without a mount"),
    ),
    Reason.MOUNTED_ELSEWHERE: Case(
        _recorded(ssd("mounted-elsewhere"), "a partition is mounted in another mount namespace"),
        _recorded(ssd("mounted"), "a partition is mounted in ours"),
    ),
    Reason.SWAP: Case(
        _recorded(ssd("swap"), "a partition is swapped to"),
        _recorded(ssd("partitioned"), "a partition nobody uses"),
    ),
    Reason.LVM: Case(
        _recorded(ssd("lvm"), "a physical volume, its volume group active"),
        _recorded(ssd("crypt"), "another device-mapper device is on it"),
    ),
    Reason.MD: Case(
        _recorded(ssd("md-idle"), "a member of an array that does not run"),
        Sight(ssd("md-idle"), "its superblock was wiped", edit=_signatures_are(ssd("md-idle"))),
    ),
    Reason.BCACHE: Case(
        _recorded(ssd("bcache-cache"), "a registered cache, of which sysfs shows no holder"),
        Sight(ssd("bcache-cache"), "held, but not written on", edit=_signatures_are(ssd("bcache-cache"))),
    ),
    Reason.DM_CRYPT: Case(
        _recorded(ssd("crypt-idle"), "a LUKS volume that is closed"),
        Sight(ssd("crypt-idle"), "a file system instead", edit=_signatures_are(ssd("crypt-idle"), "ext4")),
    ),
    Reason.ZFS: Case(
        _recorded(ssd("zfs"), "uberblocks of a pool"),
        Sight(ssd("zfs"), "a file system instead", edit=_signatures_are(ssd("zfs"), "xfs")),
    ),
    Reason.CEPH: Case(
        _recorded(ssd("ceph"), "the label of BlueStore"),
        Sight(ssd("ceph"), "an empty partition table instead", edit=_signatures_are(ssd("ceph"), "PMBR", "gpt")),
    ),
    Reason.HELD: Case(
        Sight(
            ssd("lvm"),
            "edited: the device on it does not say that LVM made it",
            edit=lambda host: host.edit_file(_DM, ""),
        ),
        Sight(
            ssd("lvm"),
            "edited: it says that LVM made it, as another volume",
            edit=lambda host: host.edit_file(_DM, "LVM-other"),
        ),
    ),
    Reason.PARTITION_IN_USE: Case(
        _recorded(ssd("partition-held"), "a device is on its partition"),
        _recorded(ssd("partitioned"), "nothing is on its partition"),
    ),
    Reason.IN_USE: Case(
        _recorded(space("mapped"), "a process has it mapped, and no longer open"),
        _recorded(space("ns1"), "nobody has it"),
    ),
    Reason.NOT_CHECKED: Case(
        Sight(ssd("free"), "edited: root's side does not answer", edit=_root_side_is_silent),
        _recorded(ssd("free"), "it answers"),
    ),
    Reason.OTHER_DOMAIN: Case(
        _recorded(ssd("domain-idle"), "a domain that does not run names it"),
        Sight(ssd("domain-idle"), "it is we who gave it to that domain", given_to_the_domain=True),
    ),
    Reason.DOUBLE_OWNER: Case(
        Sight(space("ns0"), "Nova's own option names it", nova={"libvirt.pmem_namespaces": ["SMALL:ns0|ns9"]}),
        Sight(space("ns0"), "Nova's own option names others", nova={"libvirt.pmem_namespaces": ["ns0:ns9"]}),
    ),
    Reason.FOREIGN_DRIVER: Case(
        Sight("0000:01:00.0", "it is on vfio-pci, and the ledger knows nothing of it", _ONE_ON_VFIO),
        Sight("0000:01:00.0", "it was on nvme before", Recorded(("",))),
    ),
    Reason.NO_NAMESPACE: Case(
        Sight(
            ssd("free"),
            "edited: its only namespace is gone",
            edit=lambda host: host.edit_remove(f"/sys/bus/pci/devices/{ssd('free')}/nvme/nvme0/nvme0n1"),
        ),
        Sight(
            ssd("free"),
            "edited: another controller's namespace is gone",
            edit=lambda host: host.edit_remove(f"/sys/bus/pci/devices/{ssd('mounted')}/nvme/nvme1/nvme1n1"),
        ),
    ),
    Reason.NO_SERIAL: Case(
        _recorded(ssd("no-serial"), "its serial number is empty"),
        Sight(ssd("no-serial"), "its serial number is 0", edit=partial(_serial_is, ssd("no-serial"), "0")),
    ),
    Reason.DUPLICATE_SERIAL: Case(
        _recorded(ssd("twin-a"), "another SSD has its serial number"),
        Sight(ssd("twin-a"), "the other one has another", edit=partial(_serial_is, ssd("twin-b"), "GMVMAGNGVOM6I7QM")),
    ),
    Reason.BEHIND_VMD: Case(
        Sight("10000:01:00.0", "edited: the PCI domain is the first one behind VMD", edit=partial(_in_domain, "10000")),
        Sight("ffff:01:00.0", "edited: the PCI domain is the last one before", edit=partial(_in_domain, "ffff")),
    ),
    Reason.NO_IOMMU: Case(
        Sight("0000:01:00.0", "the host has no IOMMU", Recorded(("no-iommu",))),
        _recorded("0000:01:00.0", "the host has one"),
    ),
    Reason.SHARED_IOMMU_GROUP: Case(
        _recorded(ssd("shared-a"), "another SSD is on its plain PCI bridge"),
        Sight(ssd("shared-a"), "only the bridge is in its group too", edit=_alone_in_its_group),
    ),
    Reason.HAS_VFS: Case(
        _recorded(ssd("virtual-functions"), "two virtual functions"),
        _recorded(ssd("no-functions"), "it could have two"),
    ),
    Reason.NO_RESET: Case(
        _recorded(ssd("no-reset"), "the kernel was told to use no reset method"),
        Sight(
            ssd("no-reset"),
            "the kernel may reset its port",
            edit=lambda host: host.edit_file(f"/sys/bus/pci/devices/{ssd('no-reset')}/reset_method", "bus"),
        ),
    ),
    Reason.CRITICAL_WARNING: Case(
        Sight(
            ssd("free"),
            "edited: it warns that it is unreliable and its spare blocks are nearly used up",
            edit=_health(ssd("free"), critical_warning=0b101, avail_spare=3, spare_thresh=10),
        ),
        Sight(ssd("free"), "only the spare blocks", edit=_health(ssd("free"), critical_warning=0b001)),
    ),
    Reason.SPARE_LOW: Case(
        Sight(
            ssd("free"),
            "edited: less is left of its spare blocks than its vendor's limit, and it does not warn",
            edit=_health(ssd("free"), avail_spare=9, spare_thresh=10),
        ),
        Sight(ssd("free"), "exactly the limit", edit=_health(ssd("free"), avail_spare=10, spare_thresh=10)),
    ),
    Reason.WORN_OUT: Case(
        Sight(ssd("free"), "edited: it has used more than its life", edit=_health(ssd("free"), percent_used=101)),
        Sight(ssd("free"), "exactly its life", edit=_health(ssd("free"), percent_used=100)),
    ),
    Reason.FSDAX: Case(_recorded(space("fsdax"), "fsdax"), _recorded(space("sector"), "another mode with a disk")),
    Reason.SECTOR: Case(_recorded(space("sector"), "sector"), _recorded(space("fsdax"), "another mode with a disk")),
    Reason.RAW: Case(_recorded(space("raw"), "raw"), _recorded(space("disabled"), "disabled, which shows as raw")),
    Reason.SYSTEM_RAM: Case(
        _recorded(space("system-ram"), "the kernel has it as memory"),
        _recorded(space("devdax-map-mem"), "the same without"),
    ),
    Reason.DISABLED: Case(
        Sight(space("ns1"), "right after it was disabled", Recorded(ndctl="ndctl-list-NRDvi-ns1-disabled.json")),
        Sight(space("ns1"), "right after it was enabled", Recorded(ndctl="ndctl-list-NRDvi-ns1-enabled.json")),
    ),
    Reason.EMPTY: Case(
        _recorded(space("empty"), "ndctl was asked for 1 GiB aligned to 1 GiB, and left nothing"),
        Sight(
            space("empty"),
            "edited: it left 1 GiB",
            edit=partial(_namespace_is, space("empty"), {"size": 1 << 30}),
        ),
    ),
    Reason.MISALIGNED: Case(
        Sight(
            space("ns1"),
            "edited: it is aligned to 1 GiB, and smaller",
            edit=partial(_namespace_is, space("ns1"), {"align": 1 << 30}),
        ),
        _recorded(space("devdax-4k"), "aligned to 4 KiB only, and a multiple of that"),
    ),
    Reason.NO_UUID: Case(
        Sight(
            space("ns1"),
            "edited: it shows only the uuid of what is inside, as one without a label does",
            edit=partial(_namespace_is, space("ns1"), {"raw_uuid": None}),
        ),
        Sight(
            space("ns1"),
            "edited: it shows only the uuid of its label",
            edit=partial(_namespace_is, space("ns1"), {"uuid": None}),
        ),
    ),
    Reason.DUPLICATE_UUID: Case(
        Sight(
            space("ns1"),
            "edited: another namespace has its label's uuid, as after a label area was copied",
            edit=partial(_namespace_is, space("ns0"), {"raw_uuid": uuid("ns1")}),
        ),
        Sight(
            space("ns1"),
            "edited: another namespace has its uuid for what is inside",
            edit=partial(_namespace_is, space("ns0"), {"uuid": uuid("ns1")}),
        ),
    ),
    Reason.BAD_BLOCKS: Case(
        Sight(
            space("ns1"),
            "edited: the kernel knows bad blocks in it",
            edit=partial(_namespace_is, space("ns1"), {"badblock_count": 17}),
        ),
        Sight(
            space("ns1"),
            "edited: another one of its region has them",
            edit=partial(_namespace_is, space("ns0"), {"badblock_count": 17}),
        ),
    ),
}
