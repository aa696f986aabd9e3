"""A guest as L1's libvirt and kernel see it."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

from lab.machine import Machine

OURS = "ua-accel-"
PARTS_OF_AN_ADDRESS = ("domain", "bus", "slot", "function")


@dataclasses.dataclass(frozen=True)
class Nvdimm:
    """One ``<memory model='nvdimm'>`` as libvirt gives it back."""

    path: str
    size_kib: int
    align_kib: int
    label_kib: int
    node: int
    pmem: bool
    access: str
    alias: str


def nvdimms(machine: Machine, server: str) -> list[Nvdimm]:
    """A running guest's NVDIMMs, in the order of its XML."""
    return [
        Nvdimm(
            path=one.findtext("source/path", ""),
            size_kib=_kib(one, "target/size"),
            align_kib=_kib(one, "source/alignsize"),
            label_kib=_kib(one, "target/label/size"),
            node=int(one.findtext("target/node", "-1")),
            pmem=one.find("source/pmem") is not None,
            access=one.get("access", ""),
            alias=one.find("alias").get("name", "") if one.find("alias") is not None else "",
        )
        for one in _xml(machine, server).findall("devices/memory[@model='nvdimm']")
    ]


def alias(identity: str) -> str:
    """How libvirt names a device of ours in a guest."""
    return OURS + identity


def hostdevs(machine: Machine, server: str) -> list[str]:
    """The ``managed`` of a running guest's PCI devices."""
    found = _xml(machine, server).findall("devices/hostdev[@type='pci']")
    return [one.get("managed", "") for one in found]


def hostdev_addresses(machine: Machine, server: str) -> list[str]:
    """Where on the host a guest's PCI devices are, as ``0000:01:00.0``."""
    found = _xml(machine, server).findall("devices/hostdev[@type='pci']/source/address")
    return [
        "{:04x}:{:02x}:{:02x}.{:x}".format(*(int(one.get(key, "0"), 16) for key in PARTS_OF_AN_ADDRESS))
        for one in found
    ]


def state(machine: Machine, server: str) -> str:
    """What libvirt says of a domain: ``running``, ``shut off`` …; ``gone`` when it has none."""
    found = machine.channel.try_run(["virsh", "-c", "qemu:///system", "domstate", server])
    return "gone" if found.status else found.out.strip()


def saved_paths(machine: Machine, server: str) -> list[str]:
    """Paths of the persistent memory in the image that libvirt has saved of a suspended guest."""
    saved = machine.channel.run(["virsh", "-c", "qemu:///system", "managedsave-dumpxml", server])
    return [one.text or "" for one in ET.fromstring(saved).findall("devices/memory/source/path")]


def saved_devices(machine: Machine, server: str) -> list[str]:
    """Aliases of ours in the image that libvirt has saved of a suspended guest."""
    saved = machine.channel.run(["virsh", "-c", "qemu:///system", "managedsave-dumpxml", server])
    aliases = [str(one.get("name")) for one in ET.fromstring(saved).findall("devices/*/alias")]
    return [one for one in aliases if one.startswith(OURS)]


def _xml(machine: Machine, server: str) -> ET.Element:
    return ET.fromstring(machine.channel.run(["virsh", "-c", "qemu:///system", "dumpxml", server]))


def _kib(element: ET.Element, where: str) -> int:
    found = element.find(where)
    assert found is not None
    assert found.get("unit", "KiB") == "KiB"
    return int(found.text or "")


@dataclasses.dataclass(frozen=True)
class Emulator:
    """A guest's QEMU process."""

    pid: int
    user: str
    locked_limit_kib: int | None
    """How much memory it may lock; None without limit."""
    locked_kib: int
    device_owners: dict[str, str]
    """Owner and mode of its dax devices in its own /dev."""


def emulator(machine: Machine, server: str, paths: list[str]) -> Emulator:
    """Look at the QEMU process of a server."""
    run = machine.channel.run
    pid = int(run(f"pgrep -f 'uuid {server}' -x qemu-system-x86 || pgrep -f 'qemu-system.*{server}' | head -n 1"))
    limit = next(line for line in run(f"cat /proc/{pid}/limits").splitlines() if line.startswith("Max locked memory"))
    soft = limit.split()[3]
    status = dict(line.split(":", 1) for line in run(f"cat /proc/{pid}/status").splitlines() if ":" in line)
    owners = run(f"cd /proc/{pid}/root && stat -c '%n %U %a' {' '.join(path.lstrip('/') for path in paths)}")
    return Emulator(
        pid=pid,
        user=run(f"stat -c %U /proc/{pid}").strip(),
        locked_limit_kib=None if soft == "unlimited" else int(soft) // 1024,
        locked_kib=int(status["VmLck"].split()[0]) + int(status["VmPin"].split()[0]),
        device_owners={f"/{name}": f"{user} {mode}" for name, user, mode in map(str.split, owners.splitlines())},
    )
