"""libvirt's own RELAX NG schema accepts what we write, alone and in whole domains of Nova's; what libvirt made of it is read again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from nova.virt.libvirt import config as vconfig

from nova_accel.model import PciAddress
from nova_accel.virt import guest_config
from nova_accel.xml import domain
from nova_accel.xml.alias import alias_for
from nova_accel.xml.hostdev import PciHostdev
from nova_accel.xml.memory import NvdimmMemory

SCHEMA = etree.RelaxNG(file="/usr/share/libvirt/schemas/domain.rng")
GIVEN_BACK = Path(__file__).parents[1] / "data" / "xml"

ALIASES = st.text(min_size=1, max_size=30).map(alias_for)
ADDRESSES = st.builds(PciAddress, st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 31), st.integers(0, 7))
HOSTDEVS = st.builds(PciHostdev, ADDRESSES, ALIASES, st.booleans())
NVDIMMS = st.builds(
    NvdimmMemory.for_dax,
    path=st.builds("/dev/dax{}.{}".format, st.integers(0, 999), st.integers(0, 999)),
    size_bytes=st.integers(2**32, 2**45),
    align_bytes=st.sampled_from([4096, 2**21, 2**30]),
    alias=ALIASES,
)

NVDIMM = NvdimmMemory("/dev/dax0.1", 62 * 1024, 16384, alias="c269818d-8561-4f29-b1dd-b3ab7f272bd7")
SSD = PciHostdev(PciAddress(0, 0x5E, 0, 0), "S4EVNF0M500001")


def guest_of(cells: int = 0, *, cpu: bool = True) -> vconfig.LibvirtConfigGuest:
    guest = vconfig.LibvirtConfigGuest()
    guest.virt_type, guest.name, guest.uuid = "kvm", "instance-00000001", "c0ffee00-0000-4000-8000-000000000001"
    guest.vcpus, guest.os_type, guest.os_mach_type = 4, "hvm", "q35"
    guest.features = [vconfig.LibvirtConfigGuestFeatureACPI(), vconfig.LibvirtConfigGuestFeatureAPIC()]
    guest.cpu = vconfig.LibvirtConfigGuestCPU() if cpu else None
    if cells:
        guest.cpu.numa = vconfig.LibvirtConfigGuestCPUNUMA()
    for number in range(cells):
        cell = vconfig.LibvirtConfigGuestCPUNUMACell()
        cell.id, cell.cpus, cell.memory, cell.memAccess = number, {number}, guest.memory // cells, "shared"
        guest.cpu.numa.cells.append(cell)
    return guest


def with_devices(guest: vconfig.LibvirtConfigGuest, ssd: PciHostdev, nvdimm: NvdimmMemory) -> str:
    guest_config.add_hostdev(guest, ssd)
    guest_config.add_nvdimms(guest, [nvdimm])
    return guest.to_xml()


def given_back(state: str) -> str:
    """A domain with Nova's own vPMEM beside ours, as libvirt 9 gave it back; the stopped one has PCI devices too."""
    return (GIVEN_BACK / f"libvirt-9-{state}.xml").read_text()


def assert_valid(xml: str) -> None:
    SCHEMA.assertValid(etree.fromstring(xml.encode()))


@given(HOSTDEVS, NVDIMMS)
def test_the_schema_accepts_whatever_we_write(ssd: PciHostdev, nvdimm: NvdimmMemory) -> None:
    assert_valid(with_devices(guest_of(), ssd, nvdimm))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(guest_of, id="no NUMA topology"),
        pytest.param(lambda: guest_of(cpu=False), id="no CPU"),
        pytest.param(lambda: guest_of(cells=2), id="two cells"),
    ],
)
def test_the_schema_accepts_every_kind_of_guest(make: Callable[[], vconfig.LibvirtConfigGuest]) -> None:
    assert_valid(with_devices(make(), SSD, NVDIMM))


def test_the_schema_would_notice_an_element_that_is_wrong() -> None:
    wrong = with_devices(guest_of(), SSD, NVDIMM).replace("<pmem/>", "<pmem>yes</pmem>")
    assert not SCHEMA.validate(etree.fromstring(wrong.encode()))


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_nvdimms_that_libvirt_gives_back_are_read_as_what_was_written(state: str) -> None:
    xml = given_back(state)
    second = NvdimmMemory("/dev/dax0.2", 34 * 1024, 16384, alias="1d2f8fb6-4f9c-4f6a-8f3e-0c2d9a3f7b11", node=1)
    elements = etree.fromstring(xml.encode()).iterfind("devices/memory")
    assert [NvdimmMemory.from_element(element) for element in elements] == [NVDIMM, second, None]
    assert domain.nvdimm_paths(xml) == {NVDIMM.path: NVDIMM.alias, second.path: second.alias, "/dev/dax1.0": None}


def test_a_pci_device_that_libvirt_gives_back_is_read_as_what_was_written() -> None:
    xml = given_back("stopped")
    elements = etree.fromstring(xml.encode()).iterfind("devices/hostdev")
    assert [PciHostdev.from_element(element) for element in elements] == [SSD, None]
    assert domain.pci_addresses(xml) == {SSD.address: SSD.alias, PciAddress(0, 0x5F, 0, 0): None}
