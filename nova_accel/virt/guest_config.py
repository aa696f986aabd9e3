"""Puts elements of ours into Nova's guest configuration, and what libvirt wants beside them."""

from collections.abc import Sequence
from dataclasses import replace

from lxml import etree
from nova.virt.libvirt import config as vconfig

from nova_accel.xml.alias import qualified
from nova_accel.xml.hostdev import PciHostdev
from nova_accel.xml.memory import NvdimmMemory


class GuestElement(vconfig.LibvirtConfigGuestDevice):
    """An element of ours as Nova's configuration objects go: something with ``format_dom``."""

    def __init__(self, element: PciHostdev | NvdimmMemory) -> None:
        super().__init__(root_name=element.to_element().tag)
        self.element = element
        self.alias = qualified(element.alias)
        """As libvirt's events name it."""

    def format_dom(self) -> etree._Element:
        """The element, as :mod:`nova_accel.xml` makes it."""
        return self.element.to_element()


def add_hostdev(guest: vconfig.LibvirtConfigGuest, hostdev: PciHostdev) -> None:
    """Give a guest a PCI device."""
    guest.add_device(GuestElement(hostdev))


def add_nvdimms(
    guest: vconfig.LibvirtConfigGuest,
    nvdimms: Sequence[NvdimmMemory],
    host_nodes: Sequence[int | None] | None = None,
) -> None:
    """Give a guest NVDIMMs, in this order, and room for them on top of what Nova has made.

    Their order becomes that of their slots and addresses. In a Linux guest the first is nmem0 with the handle 1, the second nmem1 with
    the handle 2, over all reboots. The numbers of regions, and so of pmem disks, do not follow: QEMU lists NVDIMMs by a hash of
    their ids, and another order may come out of it when a device is added to the guest.

    Everything else stays as it is: memory backing and shared access of the guest's RAM are Nova's affair.

    :param host_nodes: the host's NUMA node of each; one goes into the guest's cell that lives there, if Nova placed one there
    """
    for nvdimm, host_node in zip(nvdimms, host_nodes or [None] * len(nvdimms), strict=True):
        _ensure_cell(guest)
        _add_room(guest, nvdimm.size_kib)
        node = nvdimm.node if host_node is None else cell_on(guest, host_node)
        guest.add_device(GuestElement(replace(nvdimm, node=node)))


def cell_on(guest: vconfig.LibvirtConfigGuest, host_node: int) -> int:
    """The first of the guest's NUMA cells whose memory Nova took from that node of the host; else 0."""
    memnodes = guest.numatune.memnodes if guest.numatune is not None else []
    cells = [memnode.cellid for memnode in memnodes if host_node in memnode.nodeset]
    return min(cells, default=0)


def _add_room(guest: vconfig.LibvirtConfigGuest, size_kib: int) -> None:
    """Let the guest have one memory device more, as ``<maxMemory slots=…>`` says it."""
    if guest.max_memory_size is None:
        guest.max_memory_size = guest.memory
    guest.max_memory_size += size_kib
    guest.max_memory_slots += 1


def _ensure_cell(guest: vconfig.LibvirtConfigGuest) -> None:
    """See to it that there is a NUMA cell: libvirt refuses a memory device without one to belong to.

    Nova makes cells only for a flavor or image that asks for a NUMA topology. One cell with everything is what the guest had anyway.
    """
    if guest.cpu is None:
        guest.cpu = vconfig.LibvirtConfigGuestCPU()
    if guest.cpu.numa is None:
        guest.cpu.numa = vconfig.LibvirtConfigGuestCPUNUMA()
    if not guest.cpu.numa.cells:
        cell = vconfig.LibvirtConfigGuestCPUNUMACell()
        cell.id, cell.cpus, cell.memory = 0, set(range(guest.vcpus)), guest.memory
        guest.cpu.numa.cells = [cell]
