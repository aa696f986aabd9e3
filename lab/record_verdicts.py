"""What shows in L1 of every reason not to give an SSD or a PMEM namespace to a guest, as test data."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from lab import initramfs, record
from lab.record import Disks
from lab.recording import Recording, tree
from lab.scenario import Scenario, Ssd, Use

# Each mount namespace once, by a process in it: a line "P <process> <namespace> <name>", then its mounts as "M <line>".
MOUNT_NAMESPACES = """\
for p in /proc/[0-9]*; do
    echo "$(readlink $p/ns/mnt) ${p#/proc/} $(cat $p/comm)"
done 2> /dev/null | grep ^mnt: | sort -t ' ' -k 1,1 -k 2,2n | awk '!seen[$1]++' | while read -r space pid name; do
    echo "P $pid $space $name"
    sed 's/^/M /' /proc/$pid/mountinfo
done"""

# Who has an NVMe, pmem or dax device open ("fd") or mapped ("map"): process, name, how, target.
OPEN_DEVICES = """\
for p in /proc/[0-9]*; do
    for fd in $p/fd/*; do
        target=$(readlink $fd) || continue
        case "$target" in
            /dev/nvme*|/dev/pmem*|/dev/dax*)
                echo "${p#/proc/} $(cat $p/comm) fd:$(sed -n 's/flags:[[:space:]]*//p' $p/fdinfo/${fd##*/}) $target" ;;
        esac
    done
    grep -E '/dev/(pmem|dax)' $p/maps | awk -v p="${p#/proc/}" -v n="$(cat $p/comm)" '{ print p, n, "map:" $2 ":" $4 ":" $5, $6, $7 }'
done 2> /dev/null
true"""

RESET = """\
for d in /sys/bus/pci/devices/*; do
    [ ! -e $d/reset_method ] || echo "F $d/reset_method $(cat $d/reset_method)"
    [ ! -e $d/reset ] || echo "F $d/reset "
    [ ! -e $d/sriov_numvfs ] || echo "F $d/sriov_numvfs $(cat $d/sriov_numvfs)"
done"""

WITH_PARTITION = (
    Use.MOUNTED,
    Use.MOUNTED_ELSEWHERE,
    Use.HOST_ROOT,
    Use.PARTITIONED,
    Use.PARTITION_HELD,
    Use.PARTITION_OPEN,
    Use.SWAP,
)
DOMAINS = ("plain", "plain-disk", "plain-idle")


def verdicts(scenario: Scenario, disks: Disks) -> Iterator[Recording]:
    """Everything that tells why an SSD may not be given, and what a near miss looks like."""
    yield from record.pci()
    yield from record.block()
    yield from record.nvme()
    yield Recording("sysfs-pci-reset.txt", RESET, "reset, reset_method and sriov_numvfs of every PCI function")
    yield Recording(
        "sysfs-bcache.txt",
        tree("/sys/fs/bcache /sys/block/nvme*/bcache /sys/block/bcache*/bcache", 2),
        "sysfs of bcache",
    )
    yield Recording(
        "sysfs-dm.txt",
        tree(
            "/sys/block/dm-*/ /sys/block/bcache*/ /sys/block/md*/",
            2,
            "name",
            "uuid",
            "dev",
            "size",
            "slaves",
            "holders",
        ),
        "sysfs of stacked block devices",
    )
    yield Recording("proc-mountinfo-namespaces.txt", MOUNT_NAMESPACES, "mountinfo of every mount namespace")
    yield Recording("proc-open-devices.txt", OPEN_DEVICES, "processes that have a device open or mapped")
    yield Recording(
        "root-side.json",
        f"{sys.prefix}/bin/python {initramfs.SCRIPTS}/look.py answers",
        "what nova_accel's root side answers",
    )
    yield from _host_root(scenario, disks)
    for ssd in scenario.ssds:
        if ssd.name in disks:
            yield from _signatures(ssd, disks[ssd.name])
    yield from _domains()


def no_iommu(_scenario: Scenario, _disks: Disks) -> Iterator[Recording]:
    """A host without IOMMU: no group anywhere."""
    yield from record.pci()
    yield from record.block()
    yield from record.nvme()
    yield from record.pmem()
    yield Recording("sysfs-nd.txt", tree("/sys/bus/nd/devices/*/", 2), "sysfs of the nd bus")
    yield Recording("sysfs-dax.txt", tree("/sys/bus/dax/devices/*/", 2), "sysfs of the dax bus")
    yield Recording("sysfs-pci-reset.txt", RESET, "reset, reset_method and sriov_numvfs of every PCI function")
    yield Recording(
        "dmesg-iommu.txt", "dmesg -t | grep -iE 'iommu|dmar' | grep -iv 'command line'; true", "dmesg of the IOMMU"
    )


def _host_root(scenario: Scenario, disks: Disks) -> Iterator[Recording]:
    if "host-root" in disks:
        yield Recording(
            "proc-self-mountinfo-host-root.txt",
            f"for p in /proc/[0-9]*; do if grep -q ' / / .*{disks['host-root']}p1 ' $p/mountinfo 2> /dev/null;"
            " then cat $p/mountinfo; break; fi; done",
            "mountinfo of a process whose / is on an SSD",
        )


def _signatures(ssd: Ssd, disk: str) -> Iterator[Recording]:
    yield Recording(f"wipefs-{ssd.name}.json", f"wipefs --no-act --json {disk}")
    if ssd.use in WITH_PARTITION:
        yield Recording(f"wipefs-{ssd.name}-p1.json", f"wipefs --no-act --json {disk}p1")
    yield Recording(f"udevadm-info-{ssd.name}.txt", f"udevadm info --query=property --name={disk}")


def _domains() -> Iterator[Recording]:
    yield Recording("virsh-list.txt", "virsh -c qemu:///system list --all")
    for name in DOMAINS:
        yield Recording(f"virsh-dumpxml-{name}.xml", f"virsh -c qemu:///system dumpxml {name}")
