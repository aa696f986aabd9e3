"""Records what tools and the kernel print in L1, as test data."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator, Mapping

from lab import folders, shapes
from lab.machine import Machine
from lab.recording import Recording, tree
from lab.scenario import Scenario, Use
from lab.steps import say

TABLE = "index.tsv"
LIMIT_S = 180.0

# What a tool's version is asked with; by the first word of a command.
VERSIONS = {
    "lspci": "lspci --version",
    "nvme": "nvme version",
    "ndctl": "ndctl --version",
    "daxctl": "daxctl --version",
    "pvs": "lvm version",
    "vgs": "lvm version",
    "lvs": "lvm version",
    "dmsetup": "dmsetup version",
    "mdadm": "mdadm --version",
    "blkdiscard": "blkdiscard --version",
    "lsblk": "lsblk --version",
    "blkid": "blkid --version",
    "wipefs": "wipefs --version",
    "udevadm": "udevadm --version",
    "virsh": "virsh --version",
}
KERNEL_VERSION = "uname -r"


def base(scenario: Scenario, disks: Disks) -> Iterator[Recording]:
    """Everything to record; ``disks`` maps an SSD's name in the scenario to its block device in L1."""
    yield from pci()
    yield from block()
    for ssd in scenario.ssds:
        disk = disks[ssd.name]
        yield Recording(f"udevadm-info-{ssd.name}.txt", f"udevadm info --query=all --name={disk}")
        yield Recording(f"nvme-id-ctrl-{ssd.name}.json", f"nvme id-ctrl -o json {disk[:-2]}")
        yield Recording(f"nvme-id-ns-{ssd.name}.json", f"nvme id-ns -o json {disk}")
        yield Recording(f"nvme-list-ns-{ssd.name}.txt", f"nvme list-ns {disk[:-2]}")
        yield Recording(f"nvme-list-ns-all-{ssd.name}.txt", f"nvme list-ns {disk[:-2]} --all")
        yield Recording(f"wipefs-{ssd.name}.json", f"wipefs --json {disk}")
        if ssd.use is Use.MD:
            yield Recording("mdadm-examine.txt", f"mdadm --examine {disk}")
            yield Recording("mdadm-examine-export.txt", f"mdadm --examine --export {disk}")
        if ssd.use is Use.MOUNTED:
            yield Recording("blkdiscard-of-mounted.txt", f"blkdiscard {disk}")
            yield Recording("nvme-format-of-mounted.txt", f"nvme format {disk} --ses=1")
            yield Recording("wipefs-of-mounted.txt", f"wipefs --all {disk}")
    yield from nvme()
    if scenario.nvdimms:
        yield from pmem()
    yield from _erasing(disks["free"])
    yield from _virtual_functions(disks)
    yield from _vfio(disks["free"])


def pci() -> Iterator[Recording]:
    for options in ("-Dnmm", "-Dmm", "-Dnnmm", "-Dvmm", "-Dnvmm", "-Dnnvmmk"):
        yield Recording(f"lspci{options}.txt", f"lspci {options}")
    links = ("driver", "iommu_group", "subsystem", "physfn", "virtfn*", "firmware_node")
    files = (
        "class",
        "vendor",
        "device",
        "revision",
        "subsystem_vendor",
        "subsystem_device",
        "numa_node",
        "driver_override",
        "sriov_*",
        "enable",
        "modalias",
        "boot_vga",
        "reset_method",
        "current_link_*",
        "max_link_*",
        "uevent",
        "label",
    )
    yield Recording("sysfs-pci.txt", tree("/sys/bus/pci/devices/*/", 1, *links, *files), "sysfs of every PCI function")
    yield Recording("sysfs-pci-links.txt", tree("/sys/bus/pci/devices", 1), "ls /sys/bus/pci/devices")
    yield Recording("sysfs-iommu-groups.txt", tree("/sys/kernel/iommu_groups", 3), "/sys/kernel/iommu_groups")
    yield Recording("sysfs-pci-inodes.txt", "stat -L -c '%i %n' /sys/bus/pci/devices/*")
    yield Recording("boot-id.txt", "cat /proc/sys/kernel/random/boot_id")


def block() -> Iterator[Recording]:
    for name in ("self/mountinfo", "self/mounts", "swaps", "mdstat", "partitions", "filesystems"):
        yield Recording(f"proc-{name.replace('/', '-')}.txt", f"cat /proc/{name}")
    yield Recording(
        "lsblk.json", "lsblk --json --bytes --output NAME,KNAME,PKNAME,TYPE,MAJ:MIN,SIZE,FSTYPE,MOUNTPOINTS,SERIAL,WWN"
    )
    yield Recording("blkid.txt", "blkid -o export")
    for tool in ("pvs", "vgs", "lvs"):
        yield Recording(f"{tool}.json", f"{tool} --reportformat json --units b -o+uuid")
    yield Recording("pvs-all.json", "pvs --reportformat json --units b -a -o pv_name,vg_name,pv_uuid,pv_size,pv_in_use")
    yield Recording(
        "lvs-devices.json", "lvs --reportformat json -a -o lv_name,vg_name,devices,lv_kernel_major,lv_kernel_minor"
    )
    for what in ("ls", "table", "deps -o devname", "info -c", "status"):
        yield Recording(f"dmsetup-{what.split()[0]}.txt", f"dmsetup {what}")
    yield Recording("mdadm-detail.txt", "mdadm --detail /dev/md/lab")
    yield Recording("mdadm-detail-export.txt", "mdadm --detail --export /dev/md/lab")
    yield Recording("mdadm-detail-scan.txt", "mdadm --detail --scan")
    block = "/sys/block/nvme*/ /sys/block/md*/ /sys/block/dm*/"
    names = (
        "dev",
        "size",
        "ro",
        "removable",
        "partition",
        "uuid",
        "wwid",
        "name",
        "array_state",
        "raid_disks",
        "level",
        "hidden",
    )
    yield Recording("sysfs-block.txt", tree(block, 3, *names), "sysfs of block devices")
    yield Recording(
        "sysfs-holders.txt",
        tree("/sys/block/*/holders /sys/block/*/*/holders /sys/block/*/slaves", 1),
        "holders and slaves of every block device",
    )
    yield Recording("sysfs-block-links.txt", tree("/sys/block /sys/class/block", 1), "ls /sys/block /sys/class/block")
    yield Recording("dev-disk.txt", "find /dev/disk /dev/mapper /dev/md -type l -printf '%p %l\\n' | sort")


def nvme() -> Iterator[Recording]:
    for what in ("list", "list -v", "list-subsys"):
        yield Recording(f"nvme-{what.replace(' ', '')}.json", f"nvme {what} -o json")
    yield Recording("nvme-list.txt", "nvme list")
    names = (
        "address",
        "cntlid",
        "cntrltype",
        "firmware_rev",
        "model",
        "serial",
        "state",
        "subsysnqn",
        "transport",
        "numa_node",
        "dev",
        "size",
        "wwid",
        "eui",
        "nguid",
        "nsid",
        "uuid",
        "subsystem",
        "device",
        "nvme*",
        "iopolicy",
        "subsystype",
    )
    yield Recording("sysfs-nvme.txt", tree("/sys/class/nvme/*/", 2, *names), "sysfs of NVMe controllers")
    yield Recording(
        "sysfs-nvme-subsystem.txt", tree("/sys/class/nvme-subsystem/*/", 2, *names), "sysfs of NVMe subsystems"
    )


def pmem() -> Iterator[Recording]:
    for options in ("-N", "-R", "-D", "-NRDv", "-NRDvi", "-Ni"):
        yield Recording(f"ndctl-list{options}.json", f"ndctl list {options}")
    yield Recording("daxctl-list-DR.json", "daxctl list -DR")


def _erasing(disk: str) -> Iterator[Recording]:
    """On a free SSD that holds data each time."""
    for name, command in (
        ("nvme-dsm", f"nvme dsm {disk} --namespace-id=1 --ad --slbs=0 --blocks=2048"),
        ("blkdiscard", f"blkdiscard {disk}"),
        ("blkdiscard-zeroout", f"blkdiscard --zeroout {disk}"),
        ("nvme-write-zeroes", f"nvme write-zeroes {disk} --namespace-id=1 --start-block=0 --block-count=2047"),
        ("nvme-format-ses1", f"nvme format {disk} --ses=1 --force"),
        ("nvme-format-ses2", f"nvme format {disk} --ses=2 --force"),
        ("nvme-sanitize", f"nvme sanitize {disk[:-2]} --sanact=2"),
        ("nvme-sanitize-log", f"nvme sanitize-log {disk[:-2]} -o json"),
        ("nvme-format-absent", "nvme format /dev/nvme99n1 --ses=1 --force"),
    ):
        yield Recording(
            f"{name}.txt",
            f"yes data | head -c 1048576 | dd of={disk} conv=fsync status=none; {command}; status=$?; "
            f"echo \"left: $(head -c 1048576 {disk} | tr -d '\\000' | wc -c) of 1048576 bytes\"; exit $status",
            f"{command}  # then: how much data is left in the first MiB",
        )
    yield Recording("blkdiscard-zeroout-all.txt", f"blkdiscard --zeroout {disk}")


def _virtual_functions(disks: Disks) -> Iterator[Recording]:
    if "sriov" in disks:
        device = f"/sys/class/nvme/{disks['sriov'][5:-2]}/device"
        yield Recording(
            "sriov-enable.txt",
            f"echo 2 > {device}/sriov_numvfs; cat {device}/sriov_numvfs; udevadm settle",
            "echo 2 > sriov_numvfs",
        )
        yield Recording("lspci-Dnmm-with-vfs.txt", "lspci -Dnmm")
        yield Recording(
            "sysfs-pci-with-vfs.txt",
            tree(
                "/sys/bus/pci/devices/*/",
                1,
                "class",
                "driver",
                "iommu_group",
                "physfn",
                "virtfn*",
                "sriov_*",
                "numa_node",
            ),
            "sysfs of every PCI function, with VFs",
        )


def _vfio(disk: str) -> Iterator[Recording]:
    device = f"$(basename $(readlink /sys/class/nvme/{disk[5:-2]}/device))"
    yield Recording(
        "vfio-bind.txt",
        f"d={device}; echo vfio-pci > /sys/bus/pci/devices/$d/driver_override; echo $d > /sys/bus/pci/drivers/nvme/unbind; "
        "echo $d > /sys/bus/pci/drivers_probe; readlink /sys/bus/pci/devices/$d/driver; ls /sys/bus/pci/devices/$d; "
        "ls -l /dev/vfio",
        "bind the free SSD to vfio-pci",
    )
    yield Recording("lspci-Dnmm-one-on-vfio.txt", "lspci -Dnmm")
    yield Recording(
        "sysfs-pci-one-on-vfio.txt",
        tree("/sys/bus/pci/devices/*/", 1, "class", "driver", "iommu_group", "driver_override", "numa_node"),
        "sysfs of every PCI function, one on vfio-pci",
    )


Disks = Mapping[str, str]
Chosen = Callable[[Scenario, Disks], Iterator[Recording]]


class Recorder:
    """Runs recordings in L1 and writes them and their tables."""

    def __init__(self, machine: Machine, folder: pathlib.Path) -> None:
        self._channel = machine.channel
        self._machine = machine
        self._folder = folder
        self._versions: dict[str, str] = {}

    def run(self, chosen: Chosen, into: str = "") -> int:
        """Record what ``chosen`` yields into a folder below the recorder's; the number of files."""
        folder = self._folder / into
        folder.mkdir(parents=True, exist_ok=True)
        rows = [("file", "command", "exit status", "tool version")]
        for recording in chosen(self._machine.scenario, shapes.disks(self._machine)):
            rows.append(self._record(recording, folder))
        (folder / TABLE).write_text("".join("\t".join(row) + "\n" for row in rows))
        return len(rows) - 1

    def describe(self, into: str = "") -> None:
        """Write which SSD and which namespace is which."""
        folder = self._folder / into
        folder.mkdir(parents=True, exist_ok=True)
        (folder / shapes.TABLE).write_text(shapes.table(self._machine))

    def _record(self, recording: Recording, folder: pathlib.Path) -> tuple[str, str, str, str]:
        result = self._channel.try_run(recording.command, LIMIT_S)
        (folder / recording.file).write_text(self._neutral(result.out))
        error = folder / f"{recording.file}.err"
        error.unlink(missing_ok=True)
        if result.err:
            error.write_text(self._neutral(result.err))
        say(f"  {result.status:3}  {recording.title}")
        return recording.file, recording.title, str(result.status), self._version(recording)

    def _neutral(self, text: str) -> str:
        """Without the names of the folders that this machine happens to keep its runs and the checkout in."""
        return text.replace(str(self._machine.run_folder.path), "/srv/lab").replace(str(folders.CHECKOUT), "/srv/src")

    def _version(self, recording: Recording) -> str:
        asked = VERSIONS.get(recording.title.split()[0], KERNEL_VERSION)
        if asked not in self._versions:
            lines = self._channel.try_run(asked).out.split("\n")
            first = next((line.strip() for line in lines if line.strip()), "unknown")
            self._versions[asked] = f"Linux {first}" if asked == KERNEL_VERSION else first
        return self._versions[asked]
