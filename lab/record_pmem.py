"""What ndctl, daxctl and the kernel show of every shape of persistent memory, and of the changes it goes through, as test data."""

from __future__ import annotations

from collections.abc import Iterator

from lab.record import Disks
from lab.record_verdicts import OPEN_DEVICES
from lab.recording import Recording, tree
from lab.scenario import Scenario

LIST = "ndctl list -NRDvi"
# Sets dev and chardev of the namespace that is called ns1.
NS1 = (
    "dev=$(dirname $(grep -lx ns1 /sys/bus/nd/devices/namespace*/alt_name)); dev=${dev##*/}; "
    'chardev=$(ndctl list -N -n $dev | sed -n \'s/.*"chardev":"\\([^"]*\\)".*/\\1/p\'); '
)
HELD = (
    "python3 -c \"import mmap, os, sys; kept = mmap.mmap(os.open('/dev/' + sys.argv[1], os.O_RDWR), 2 << 20); "
    "print('mapped', flush=True); sys.stdin.read()\" $chardev"
)


def pmem(scenario: Scenario, _disks: Disks) -> Iterator[Recording]:
    """First what is there, then ns1 disabled, enabled, destroyed and made again, and what the tools do to one in use."""
    for options in ("-NRDvi", "-NRv", "-NRD", "-NR", "-N", "-Ni", "-R", "-D", "-Bi", "-NRDvu", "-BNRDFHXMvi"):
        yield Recording(f"ndctl-list{options}.json", f"ndctl list {options}")
    for options in ("", " -DR", " -D", " -Di"):
        yield Recording(f"daxctl-list{options.replace(' ', '')}.json", f"daxctl list{options}")
    yield from _sysfs()
    yield from _changes(scenario)
    yield from _in_use()
    yield from _mistakes()


def _sysfs() -> Iterator[Recording]:
    yield Recording("sysfs-nd.txt", tree("/sys/bus/nd/devices/*/", 2), "sysfs of the nd bus")
    yield Recording("sysfs-dax.txt", tree("/sys/bus/dax/devices/*/", 2), "sysfs of the dax bus")
    yield Recording(
        "sysfs-nd-links.txt", tree("/sys/bus/nd/devices /sys/bus/dax/devices", 1), "ls of the nd and dax buses"
    )
    yield Recording("sysfs-nd-inodes.txt", "stat -L -c '%i %n' /sys/bus/nd/devices/* /sys/bus/dax/devices/*")
    yield Recording("sysfs-pmem-block.txt", tree("/sys/block/pmem*/", 1), "sysfs of pmem block devices")
    yield Recording("dev-nodes.txt", "stat -c '%n %F %t:%T %a %U:%G' /dev/dax* /dev/pmem*")
    yield Recording("proc-open-devices.txt", OPEN_DEVICES, "processes that have a device open or mapped")
    yield Recording("proc-self-mountinfo.txt", "cat /proc/self/mountinfo")
    yield Recording("proc-iomem.txt", "cat /proc/iomem")
    yield Recording("boot-id.txt", "cat /proc/sys/kernel/random/boot_id")
    yield Recording("memory-blocks.txt", "lsmem --bytes --output RANGE,SIZE,STATE,NODE,ZONES")


def _changes(scenario: Scenario) -> Iterator[Recording]:
    dimm = next(dimm for dimm in scenario.nvdimms if any(space.name == "ns1" for space in dimm.namespaces))
    same_region = f"region=$(grep -lx {dimm.region_mib << 20} /sys/bus/nd/devices/region*/size | cut -d/ -f6); "
    for name, before, command in (
        ("disabled", NS1, "ndctl disable-namespace $dev"),
        ("enabled", NS1, "ndctl enable-namespace $dev"),
        ("destroyed", NS1, "ndctl destroy-namespace --force $dev"),
        ("again", same_region, "ndctl create-namespace -m devdax -s 64M -a 2M -n ns1 -r $region"),
    ):
        yield Recording(f"ndctl-ns1-{name}.txt", before + command, f"{command}  # ns1")
        yield Recording(f"ndctl-list-NRDvi-ns1-{name}.json", LIST, f"{LIST}  # ns1 {name}")
        yield Recording(f"sysfs-nd-inodes-ns1-{name}.txt", "stat -L -c '%i %n' /sys/bus/nd/devices/*")


def _in_use() -> Iterator[Recording]:
    """What the tools do not refuse: each on a namespace that a process has mapped."""
    for name, command in (
        ("daxio-zero", "daxio -z -o /dev/$chardev"),
        ("disable", "ndctl disable-namespace $dev; ls -l /dev/$chardev"),
        ("list-after-disable", f"ndctl disable-namespace $dev > /dev/null 2>&1; {LIST}"),
    ):
        yield Recording(
            f"in-use-{name}.txt",
            f"{NS1} mkfifo /run/hold; {HELD} < /run/hold > /run/held & exec 9> /run/hold; "
            f"until grep -q mapped /run/held; do sleep 0.2; done; {command}; status=$?; {OPEN_DEVICES}; "
            "exec 9>&-; wait; rm /run/hold /run/held; ndctl enable-namespace $dev > /dev/null 2>&1; exit $status",
            f"{command}  # while a process has ns1 mapped; then who has it",
        )


def _mistakes() -> Iterator[Recording]:
    for name, command in (
        ("absent", "ndctl disable-namespace namespace9.9"),
        ("too-large", "ndctl create-namespace -m devdax -s 1T -a 2M -n huge"),
        ("odd-size", "ndctl create-namespace -m devdax -s 66060289 -a 2M -n odd"),
        ("destroy-enabled", f"{NS1} ndctl destroy-namespace $dev"),
    ):
        yield Recording(f"ndctl-mistake-{name}.txt", command)
    yield Recording("daxio-absent.txt", "daxio -z -o /dev/dax9.9")
    yield Recording("dd-to-dax.txt", f"{NS1} dd if=/dev/zero of=/dev/$chardev bs=2M count=1", "dd of=/dev/dax…")
