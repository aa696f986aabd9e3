"""libvirt accepts and QEMU starts what we write; files stand in for dax devices, and the guest's CPUs never run."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import libvirt
import libvirt_qemu
import pytest
from lxml import etree

from nova_accel.model import PciAddress
from nova_accel.virt import guest_config
from nova_accel.xml import domain
from nova_accel.xml.hostdev import PciHostdev
from nova_accel.xml.memory import NvdimmMemory
from tests.libvirt import guests
from tests.libvirt.guests import MIB, GuestKind

Define = Callable[[str], libvirt.virDomain]
Dax = Callable[[int, int], str]

UUIDS = [
    "c269818d-8561-4f29-b1dd-b3ab7f272bd7",
    "1d2f8fb6-4f9c-4f6a-8f3e-0c2d9a3f7b11",
    "84b0a3a9-57a6-4c9b-8c35-5d8b6a0f2f6e",
]


def nvdimms(dax: Dax, *sizes: int, align_bytes: int = 2 * MIB) -> list[NvdimmMemory]:
    return [
        NvdimmMemory.for_dax(dax(number, size), size, align_bytes, UUIDS[number]) for number, size in enumerate(sizes)
    ]


def start(definition: libvirt.virDomain) -> libvirt.virDomain:
    definition.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    return definition


def stop(running: libvirt.virDomain) -> libvirt.virDomain:
    """End a domain, and let libvirt see the end of its QEMU: seen later, it would be taken for the end of the next one."""
    running.destroy()
    for _ in range(2):  # the loop may be in the middle of its first round
        passed = threading.Event()
        timer = libvirt.virEventAddTimeout(0, lambda _timer, seen: seen.set(), passed)
        assert passed.wait(30)
        libvirt.virEventRemoveTimeout(timer)
    return running


def plugged(running: libvirt.virDomain) -> list[dict[str, object]]:
    """The memory devices as QEMU has them, by slot."""
    answer = json.loads(libvirt_qemu.qemuMonitorCommand(running, '{"execute": "query-memory-devices"}', 0))
    devices = [device["data"] for device in answer["return"]]
    return sorted(devices, key=lambda device: device["slot"])


def read_back(running: libvirt.virDomain) -> list[NvdimmMemory | None]:
    return [NvdimmMemory.from_element(one) for one in etree.fromstring(running.XMLDesc()).iterfind("devices/memory")]


@pytest.mark.parametrize("kind", guests.KINDS.values(), ids=guests.KINDS)
def test_every_kind_of_guest_starts_with_nvdimms(kind: GuestKind, define: Define, dax: Dax) -> None:
    guest, wanted = guests.guest(kind), nvdimms(dax, 64 * MIB, 34 * MIB)
    guest_config.add_nvdimms(guest, wanted, [0, None])
    running = start(define(guest.to_xml()))
    assert read_back(running) == wanted
    assert domain.nvdimm_paths(running.XMLDesc()) == {one.path: one.alias for one in wanted}
    assert [device["size"] for device in plugged(running)] == [one.guest_bytes for one in wanted]


def test_a_guest_with_huge_pages_is_defined_as_nova_made_it(define: Define, dax: Dax) -> None:
    guest, wanted = guests.guest(guests.HUGEPAGES), nvdimms(dax, 64 * MIB)
    guest_config.add_nvdimms(guest, wanted)
    given_back = etree.fromstring(define(guest.to_xml()).XMLDesc())
    assert [page.get("nodeset") for page in given_back.iterfind("memoryBacking/hugepages/page")] == ["0-1"]
    assert [cell.get("memAccess") for cell in given_back.iterfind("cpu/numa/cell")] == ["shared", "shared"]
    assert [NvdimmMemory.from_element(one) for one in given_back.iterfind("devices/memory")] == wanted


def test_our_nvdimms_start_beside_novas_own_and_where_the_guest_can_use_them(define: Define, dax: Dax) -> None:
    guest, wanted = guests.guest(GuestKind(cells=1)), nvdimms(dax, 64 * MIB, 34 * MIB)
    guests.add_novas_vpmem(guest, dax(9, 64 * MIB), 64 * MIB)
    guest_config.add_nvdimms(guest, wanted)
    devices = plugged(start(define(guest.to_xml())))
    assert [device["size"] for device in devices] == [62 * MIB, *(one.guest_bytes for one in wanted)]
    assert [device["addr"] % (16 * MIB) for device in devices[1:]] == [0, 0]


def test_nvdimms_keep_the_order_that_they_were_given_over_restarts_and_resets(define: Define, dax: Dax) -> None:
    guest, wanted = guests.guest(GuestKind()), nvdimms(dax, 50 * MIB, 34 * MIB, 18 * MIB)
    guest_config.add_nvdimms(guest, wanted)
    running = start(define(guest.to_xml()))
    first = plugged(running)
    running.reset()
    after_reset = plugged(running)
    again = plugged(start(stop(running)))
    assert [device["id"] for device in first] == [f"ua-accel-{one.alias}" for one in wanted]
    assert [device["addr"] for device in first] == sorted(device["addr"] for device in first)
    assert first == after_reset == again


@pytest.mark.parametrize(
    ("size_bytes", "align_bytes"),
    [
        (18 * MIB, 4096),
        (64 * MIB + 12345, 4096),
        (50 * MIB, 2 * MIB),
        (62 * MIB, 2 * MIB),
        (128 * MIB, 32 * MIB),
        (2048 * MIB, 1024 * MIB),
    ],
)
def test_qemu_gives_the_guest_the_size_that_we_say(size_bytes: int, align_bytes: int, define: Define, dax: Dax) -> None:
    guest, wanted = guests.guest(GuestKind()), nvdimms(dax, size_bytes, align_bytes=align_bytes)
    guest_config.add_nvdimms(guest, wanted)
    (device,) = plugged(start(define(guest.to_xml())))
    assert device["size"] == wanted[0].guest_bytes


def test_a_size_that_is_no_whole_mib_would_be_refused(define: Define, dax: Dax) -> None:
    size = 64 * MIB + 4096
    guest = guests.guest(GuestKind())
    guest_config.add_nvdimms(guest, [NvdimmMemory(dax(0, size), size // 1024, 16384, "a")])
    with pytest.raises(libvirt.libvirtError, match="backing store size"):
        start(define(guest.to_xml()))


@pytest.mark.parametrize("without", ["maxMemory", "cpu/numa"])
def test_libvirt_refuses_an_nvdimm_without_what_we_add_beside_it(without: str, define: Define, dax: Dax) -> None:
    guest = guests.guest(GuestKind())
    guest_config.add_nvdimms(guest, nvdimms(dax, 64 * MIB))
    xml = etree.fromstring(guest.to_xml())
    (unwanted,) = xml.findall(without)
    unwanted.getparent().remove(unwanted)
    with pytest.raises(libvirt.libvirtError, match=r"maxMemory|numa"):
        start(define(etree.tostring(xml, encoding="unicode")))


def test_libvirt_starts_two_domains_with_one_nvdimm_so_exclusiveness_is_up_to_us(define: Define, dax: Dax) -> None:
    wanted = nvdimms(dax, 64 * MIB)
    for number in (1, 2):
        guest = guests.guest(GuestKind(), name=f"instance-{number}")
        guest.uuid = f"c0ffee00-0000-4000-8000-00000000000{number}"
        guest_config.add_nvdimms(guest, wanted)
        assert start(define(guest.to_xml())).isActive()


def test_a_pci_device_beside_nvdimms_comes_back_as_it_was_written(define: Define, dax: Dax) -> None:
    guest, wanted = guests.guest(GuestKind()), nvdimms(dax, 64 * MIB)
    ssds = [PciHostdev(PciAddress(0, 1, 0, 0), "SN1"), PciHostdev(PciAddress(0x10000, 0x5E, 0x1F, 7), "SN2", rom=True)]
    for ssd in ssds:
        guest_config.add_hostdev(guest, ssd)
    guest_config.add_nvdimms(guest, wanted)
    given_back = define(guest.to_xml()).XMLDesc()
    elements = etree.fromstring(given_back).iterfind("devices/hostdev")
    assert [PciHostdev.from_element(element) for element in elements] == ssds
    assert domain.pci_addresses(given_back) == {ssd.address: ssd.alias for ssd in ssds}
    assert domain.nvdimm_paths(given_back) == {one.path: one.alias for one in wanted}


def test_a_stable_path_stays_in_the_xml_and_a_domain_whose_path_leads_nowhere_does_not_start(
    define: Define, dax: Dax, tmp_path: Path
) -> None:
    (nvdimm,) = nvdimms(dax, 64 * MIB)
    link = tmp_path / "nova_accel" / UUIDS[0]
    link.parent.mkdir()
    link.symlink_to("../dax0.0")
    guest, wanted = guests.guest(GuestKind()), replace(nvdimm, path=str(link))
    guest_config.add_nvdimms(guest, [wanted])
    running = start(define(guest.to_xml()))
    link.unlink()
    assert read_back(running) == [wanted], "also while it runs and the path is gone"
    stopped = stop(running)
    with pytest.raises(libvirt.libvirtError, match="No such file or directory"):
        start(stopped)
    link.symlink_to("../dax0.0")
    assert read_back(start(stopped)) == [wanted]
