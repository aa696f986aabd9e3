"""Guests as Nova's LibvirtDriver makes them, with Nova's own code where it needs no host."""

from collections.abc import Sequence
from dataclasses import dataclass

from nova import objects
from nova.virt.libvirt import config as vconfig
from nova.virt.libvirt import designer
from nova.virt.libvirt.driver import LibvirtDriver

MIB = 1024**2
MEMORY_MIB = 128
VCPUS = 2


@dataclass(frozen=True)
class GuestKind:
    """What a flavor or an image can change about a guest, as far as NVDIMMs may care."""

    machine: str = "q35"
    cells: int = 0
    """Of ``hw:numa_nodes``; 0 is none asked for."""
    host_nodes: tuple[int, ...] = ()
    """Where the memory of each cell is, on a host with NUMA."""
    hugepages: bool = False
    """``hw:mem_page_size=large``."""
    file_backed: bool = False
    """``[libvirt] file_backed_memory``."""
    cpu: bool = True
    """Whether Nova chose any CPU at all."""


KINDS = {
    "no NUMA topology": GuestKind(),
    "no NUMA topology, machine pc": GuestKind(machine="pc"),
    "no CPU": GuestKind(cpu=False),
    "one cell": GuestKind(cells=1),
    "one cell on a node": GuestKind(cells=1, host_nodes=(0,)),
    "two cells": GuestKind(cells=2),
    "file-backed memory": GuestKind(file_backed=True),
    "file-backed memory, two cells on a node": GuestKind(cells=2, host_nodes=(0, 0), file_backed=True),
}
HUGEPAGES = GuestKind(cells=2, host_nodes=(0, 0), hugepages=True)


def guest(kind: GuestKind, name: str = "instance-00000001") -> vconfig.LibvirtConfigGuest:
    """A guest of that kind, with nothing of ours in it."""
    made = vconfig.LibvirtConfigGuest()
    made.virt_type, made.name, made.uuid = "qemu", name, "c0ffee00-0000-4000-8000-000000000001"
    made.memory, made.vcpus = MEMORY_MIB * 1024, VCPUS
    made.os_type, made.os_mach_type = "hvm", kind.machine
    made.features = [vconfig.LibvirtConfigGuestFeatureACPI(), vconfig.LibvirtConfigGuestFeatureAPIC()]
    made.membacking = _backing(kind)
    if kind.cpu:
        made.cpu = vconfig.LibvirtConfigGuestCPU()
        made.cpu.sockets, made.cpu.cores, made.cpu.threads = VCPUS, 1, 1
        made.cpu.numa = LibvirtDriver._get_cpu_numa_config_from_instance(None, _topology(kind.cells), kind.hugepages)
    if kind.host_nodes:
        made.numatune = _numatune(kind.host_nodes)
    return made


def add_novas_vpmem(made: vconfig.LibvirtConfigGuest, path: str, size_bytes: int) -> None:
    """Let Nova add a vPMEM of its own, as ``[libvirt] pmem_namespaces`` does."""
    vpmem = objects.LibvirtVPMEMDevice(label="N", name="ns9", devpath=path, size=size_bytes, align=2 * MIB)
    LibvirtDriver._guest_add_vpmems(None, made, [vpmem])


def _topology(cells: int) -> objects.InstanceNUMATopology | None:
    if not cells:
        return None
    return objects.InstanceNUMATopology(
        cells=[
            objects.InstanceNUMACell(
                id=number,
                cpuset={cpu for cpu in range(VCPUS) if cpu % cells == number},
                pcpuset=set(),
                memory=MEMORY_MIB // cells,
            )
            for number in range(cells)
        ]
    )


def _numatune(host_nodes: Sequence[int]) -> vconfig.LibvirtConfigGuestNUMATune:
    tune = vconfig.LibvirtConfigGuestNUMATune()
    tune.memory = vconfig.LibvirtConfigGuestNUMATuneMemory()
    tune.memory.nodeset = sorted(set(host_nodes))
    for cell, node in enumerate(host_nodes):
        memnode = vconfig.LibvirtConfigGuestNUMATuneMemNode()
        designer.set_numa_memnode(memnode, cell, node)
        tune.memnodes.append(memnode)
    return tune


def _backing(kind: GuestKind) -> vconfig.LibvirtConfigGuestMemoryBacking | None:
    if not kind.hugepages and not kind.file_backed:
        return None
    backing = vconfig.LibvirtConfigGuestMemoryBacking()
    if kind.hugepages:
        page = vconfig.LibvirtConfigGuestMemoryBackingPage()
        page.size_kb, page.nodeset = 2048, list(range(kind.cells))
        backing.hugepages = [page]
    if kind.file_backed:
        backing.filesource = backing.sharedaccess = backing.allocateimmediate = backing.discard = True
    return backing
