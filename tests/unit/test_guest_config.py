"""What Nova's guest configuration becomes when NVDIMMs and PCI devices of ours are added."""

from collections.abc import Sequence

import pytest
from lxml import etree
from nova.virt.libvirt import config as vconfig

from nova_accel.model import PciAddress
from nova_accel.virt import guest_config
from nova_accel.xml.hostdev import PciHostdev
from nova_accel.xml.memory import NvdimmMemory

MIB_KIB = 1024
GIB_KIB = 1024**2


def guest_of(cells: Sequence[tuple[set[int], int]] = (), host_nodes: Sequence[int] = ()) -> vconfig.LibvirtConfigGuest:
    """A guest of 4 CPUs and 2 GiB as LibvirtDriver makes it, with the cells of an instance NUMA topology."""
    guest = vconfig.LibvirtConfigGuest()
    guest.virt_type, guest.name, guest.uuid = "kvm", "instance-1", "c0ffee00-0000-4000-8000-000000000001"
    guest.vcpus, guest.memory = 4, 2 * GIB_KIB
    guest.cpu = vconfig.LibvirtConfigGuestCPU()
    guest.cpu.mode = "host-model"
    if cells:
        guest.cpu.numa = vconfig.LibvirtConfigGuestCPUNUMA()
        guest.cpu.numa.cells = [cell_of(number, *cell) for number, cell in enumerate(cells)]
    if host_nodes:
        guest.numatune = vconfig.LibvirtConfigGuestNUMATune()
        guest.numatune.memnodes = [memnode_of(number, node) for number, node in enumerate(host_nodes)]
    return guest


def cell_of(number: int, cpus: set[int], memory_kib: int) -> vconfig.LibvirtConfigGuestCPUNUMACell:
    cell = vconfig.LibvirtConfigGuestCPUNUMACell()
    cell.id, cell.cpus, cell.memory = number, cpus, memory_kib
    return cell


def memnode_of(cell: int, host_node: int) -> vconfig.LibvirtConfigGuestNUMATuneMemNode:
    memnode = vconfig.LibvirtConfigGuestNUMATuneMemNode()
    memnode.cellid, memnode.nodeset = cell, [host_node]
    return memnode


def nvdimm(number: int = 0, size_kib: int = GIB_KIB) -> NvdimmMemory:
    return NvdimmMemory(f"/dev/dax0.{number}", size_kib, 2048, alias=f"n{number}")


def xml_of(guest: vconfig.LibvirtConfigGuest) -> etree._Element:
    return etree.fromstring(guest.to_xml())


def max_memory(guest: vconfig.LibvirtConfigGuest) -> tuple[str | None, str | None]:
    element = xml_of(guest).find("maxMemory")
    assert element is not None
    return element.text, element.get("slots")


def cells(guest: vconfig.LibvirtConfigGuest) -> list[dict[str, str]]:
    return [dict(cell.attrib) for cell in xml_of(guest).iterfind("cpu/numa/cell")]


def target_nodes(guest: vconfig.LibvirtConfigGuest) -> list[str | None]:
    return [node.text for node in xml_of(guest).iterfind("devices/memory/target/node")]


def test_a_guest_without_nvdimms_stays_as_nova_made_it() -> None:
    guest, untouched = guest_of(), guest_of()
    guest_config.add_nvdimms(guest, [])
    assert guest.to_xml() == untouched.to_xml()


def test_a_guest_gets_room_for_each_nvdimm_beyond_its_own_memory() -> None:
    guest = guest_of()
    guest_config.add_nvdimms(guest, [nvdimm(0, 3 * GIB_KIB), nvdimm(1, 5 * GIB_KIB)])
    assert max_memory(guest) == (str(10 * GIB_KIB), "2")


def test_room_is_added_to_what_novas_own_vpmem_got() -> None:
    guest = guest_of()
    vpmem = vconfig.LibvirtConfigGuestVPMEM()
    vpmem.source_path, vpmem.target_size, vpmem.align_size = "/dev/dax1.0", GIB_KIB, 2048
    guest.max_memory_size, guest.max_memory_slots = 3 * GIB_KIB, 1
    guest.add_device(vpmem)
    guest_config.add_nvdimms(guest, [nvdimm(0, 4 * GIB_KIB)])
    assert max_memory(guest) == (str(7 * GIB_KIB), "2")
    paths = [path.text for path in xml_of(guest).iterfind("devices/memory/source/path")]
    assert paths == ["/dev/dax1.0", "/dev/dax0.0"]


def test_room_is_added_when_nvdimms_come_one_at_a_time() -> None:
    guest, at_once = guest_of(), guest_of()
    guest_config.add_nvdimms(guest, [nvdimm(0)])
    guest_config.add_nvdimms(guest, [nvdimm(1)])
    guest_config.add_nvdimms(at_once, [nvdimm(0), nvdimm(1)])
    assert guest.to_xml() == at_once.to_xml()


def test_a_guest_without_a_numa_topology_gets_one_cell_with_all_it_has() -> None:
    guest = guest_of()
    guest_config.add_nvdimms(guest, [nvdimm()])
    assert cells(guest) == [{"id": "0", "cpus": "0-3", "memory": str(2 * GIB_KIB)}]
    assert target_nodes(guest) == ["0"]


def test_a_guest_for_which_nova_chose_no_cpu_gets_the_cell_too() -> None:
    guest = guest_of()
    guest.cpu = None
    guest_config.add_nvdimms(guest, [nvdimm()])
    assert cells(guest) == [{"id": "0", "cpus": "0-3", "memory": str(2 * GIB_KIB)}]


def test_a_guests_own_cells_and_their_shared_access_stay() -> None:
    guest = guest_of(cells=[({0, 1}, GIB_KIB), ({2, 3}, GIB_KIB)], host_nodes=[0, 1])
    for cell in guest.cpu.numa.cells:
        cell.memAccess = "shared"
    before = cells(guest)
    guest_config.add_nvdimms(guest, [nvdimm()])
    assert cells(guest) == before
    assert [cell["memAccess"] for cell in before] == ["shared", "shared"]


def test_the_memory_backing_of_a_guest_stays_as_nova_made_it() -> None:
    guest = guest_of(cells=[({0, 1, 2, 3}, 2 * GIB_KIB)], host_nodes=[0])
    page = vconfig.LibvirtConfigGuestMemoryBackingPage()
    page.size_kb, page.nodeset = 2048, [0]
    guest.membacking = vconfig.LibvirtConfigGuestMemoryBacking()
    guest.membacking.hugepages = [page]
    before = etree.tostring(xml_of(guest).find("memoryBacking"))
    guest_config.add_nvdimms(guest, [nvdimm()])
    assert etree.tostring(xml_of(guest).find("memoryBacking")) == before


@pytest.mark.parametrize(
    ("host_nodes", "expected"),
    [
        pytest.param([1, 3], ["1", "0"], id="each beside its own memory"),
        pytest.param([7, 3], ["0", "0"], id="where the guest has no memory of that node"),
        pytest.param([None, None], ["0", "0"], id="where the namespace's node is not known"),
    ],
)
def test_an_nvdimm_goes_into_the_cell_on_its_own_host_node(host_nodes: list[int | None], expected: list[str]) -> None:
    guest = guest_of(cells=[({0, 1}, GIB_KIB), ({2, 3}, GIB_KIB)], host_nodes=[3, 1])
    guest_config.add_nvdimms(guest, [nvdimm(0), nvdimm(1)], host_nodes)
    assert target_nodes(guest) == expected


def test_several_cells_on_one_host_node_give_the_first() -> None:
    guest = guest_of(cells=[({0}, GIB_KIB), ({1}, GIB_KIB), ({2, 3}, GIB_KIB)], host_nodes=[0, 1, 1])
    guest_config.add_nvdimms(guest, [nvdimm()], [1])
    assert target_nodes(guest) == ["1"]


def test_each_nvdimm_must_say_its_node_or_none_does() -> None:
    with pytest.raises(ValueError, match="zip"):
        guest_config.add_nvdimms(guest_of(), [nvdimm(0), nvdimm(1)], [0])


def test_nvdimms_stand_in_the_order_given_beside_a_pci_device() -> None:
    guest = guest_of()
    guest_config.add_hostdev(guest, PciHostdev(PciAddress(0, 1, 0, 0), "SN1"))
    guest_config.add_nvdimms(guest, [nvdimm(2), nvdimm(0), nvdimm(1)])
    aliases = [alias.get("name") for alias in xml_of(guest).iterfind("devices/*/alias")]
    assert aliases == ["ua-accel-SN1", "ua-accel-n2", "ua-accel-n0", "ua-accel-n1"]
