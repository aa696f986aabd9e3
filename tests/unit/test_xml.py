"""Elements of a domain's XML, one by one and found in a whole domain."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from nova_accel.model import PciAddress
from nova_accel.xml import domain
from nova_accel.xml.alias import alias_for
from nova_accel.xml.hostdev import PciHostdev
from nova_accel.xml.memory import NvdimmMemory

MIB = 1024**2
GIB = 1024**3

ADDRESSES = st.builds(PciAddress, st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 31), st.integers(0, 7))
ALIASES = st.text(max_size=30).map(alias_for)
HOSTDEVS = st.builds(PciHostdev, ADDRESSES, ALIASES, st.booleans())
KIB = st.integers(1, 2**44)
NVDIMMS = st.builds(
    NvdimmMemory,
    path=st.from_regex(r"/dev/dax[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
    size_kib=KIB,
    align_kib=KIB,
    alias=ALIASES,
    node=st.integers(0, 255),
    label_kib=KIB,
)

HOSTDEV = (
    '<hostdev mode="subsystem" type="pci" managed="no">'
    '<source><address domain="0x0000" bus="0x5e" slot="0x00" function="0x1"/></source>'
    '<alias name="ua-accel-S4EVNF0M500001"/><rom enabled="no"/></hostdev>'
)
NVDIMM = (
    '<memory model="nvdimm" access="shared">'
    '<source><path>/dev/dax0.1</path><alignsize unit="KiB">2048</alignsize><pmem/></source>'
    '<target><size unit="KiB">6291456</size><node>1</node><label><size unit="KiB">2048</size></label></target>'
    '<alias name="ua-accel-1d2f8fb6-4f9c-4f6a-8f3e-0c2d9a3f7b11"/></memory>'
)


def written(element: PciHostdev | NvdimmMemory) -> str:
    return etree.tostring(element.to_element()).decode()


def in_domain(*devices: str) -> str:
    return f"<domain><devices>{''.join(devices)}</devices></domain>"


def test_a_hostdev_is_what_libvirt_documents() -> None:
    assert written(PciHostdev(PciAddress(0, 0x5E, 0, 1), "S4EVNF0M500001")) == HOSTDEV


def test_an_nvdimm_is_what_libvirt_documents() -> None:
    nvdimm = NvdimmMemory("/dev/dax0.1", 6 * MIB, 2048, alias="1d2f8fb6-4f9c-4f6a-8f3e-0c2d9a3f7b11", node=1)
    assert written(nvdimm) == NVDIMM


@given(HOSTDEVS)
def test_reading_a_hostdev_gives_back_what_was_written(device: PciHostdev) -> None:
    assert PciHostdev.from_element(device.to_element()) == device


@given(NVDIMMS)
def test_reading_an_nvdimm_gives_back_what_was_written(device: NvdimmMemory) -> None:
    assert NvdimmMemory.from_element(etree.fromstring(written(device))) == device


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        ('"nvdimm"', '"virtio-pmem"'),
        ('"shared"', '"private"'),
        ("<pmem/>", ""),
        ("ua-accel-", "ua-somebody-"),
        ('<size unit="KiB">6291456</size>', '<size unit="GiB">6</size>'),
        ("<node>1</node>", ""),
        ("<path>/dev/dax0.1</path>", ""),
        ('<label><size unit="KiB">2048</size></label>', ""),
    ],
)
def test_an_nvdimm_that_differs_from_ours_in_one_thing_is_not_ours(ours: str, other: str) -> None:
    assert NVDIMM.count(ours) == 1
    assert NvdimmMemory.from_element(etree.fromstring(NVDIMM.replace(ours, other))) is None


@given(st.text(max_size=40))
def test_an_alias_has_only_characters_that_libvirt_takes(identity: str) -> None:
    assert set(alias_for(identity)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def test_two_identities_that_differ_in_forbidden_characters_have_two_aliases() -> None:
    assert alias_for("SN 1") != alias_for("SN.1")


def test_only_our_own_pci_devices_of_a_domain_have_an_alias() -> None:
    foreign = '<hostdev type="pci"><source><address bus="0x02" slot="0x00" function="0x0"/></source></hostdev>'
    assert domain.pci_addresses(in_domain(HOSTDEV, foreign)) == {
        PciAddress(0, 0x5E, 0, 1): "S4EVNF0M500001",
        PciAddress(0, 2, 0, 0): None,
    }


def test_a_disk_that_qemu_drives_itself_and_an_interface_take_pci_devices_too() -> None:
    nvme = (
        '<disk type="nvme" device="disk"><source type="pci" managed="no" namespace="1">'
        '<address domain="0x0000" bus="0x03" slot="0x00" function="0x0"/></source><target dev="vdb"/></disk>'
    )
    interface = '<interface type="hostdev"><source><address type="pci" bus="0x04" slot="0x01" function="0x2"/></source></interface>'
    usb = '<hostdev mode="subsystem" type="usb"><source><address bus="5" device="2"/></source></hostdev>'
    assert domain.pci_addresses(in_domain(nvme, interface, usb)) == {
        PciAddress(0, 3, 0, 0): None,
        PciAddress(0, 4, 1, 2): None,
    }


def test_only_our_own_memory_of_a_domain_has_an_alias() -> None:
    foreign = '<memory model="virtio-pmem" access="shared"><source><path>/dev/dax1.0</path></source></memory>'
    plain = '<memory model="dimm"><target><size unit="KiB">524288</size><node>0</node></target></memory>'
    assert domain.nvdimm_paths(in_domain(NVDIMM, foreign, plain, HOSTDEV)) == {
        "/dev/dax0.1": "1d2f8fb6-4f9c-4f6a-8f3e-0c2d9a3f7b11",
        "/dev/dax1.0": None,
    }


def test_a_path_that_a_domain_names_twice_has_no_alias() -> None:
    foreign = '<memory model="nvdimm"><source><path>/dev/dax0.1</path></source></memory>'
    assert domain.nvdimm_paths(in_domain(foreign, NVDIMM)) == {"/dev/dax0.1": None}
    assert domain.nvdimm_paths(in_domain(NVDIMM, foreign)) == {"/dev/dax0.1": None}


@given(st.integers(1, 2**45), st.sampled_from([4096, 2 * MIB, GIB]))
def test_an_nvdimm_fits_its_dax_device_and_the_tools_rules(size_bytes: int, align_bytes: int) -> None:
    least = max(align_bytes, 16 * MIB)
    try:
        nvdimm = NvdimmMemory.for_dax("/dev/dax0.1", size_bytes, align_bytes, "a")
    except ValueError:
        assert size_bytes < least + max(align_bytes, 2 * MIB) + MIB
        return
    assert size_bytes - max(align_bytes, MIB) < nvdimm.size_kib * 1024 <= size_bytes
    assert nvdimm.size_kib * 1024 % align_bytes == nvdimm.size_kib % 1024 == 0
    assert least <= nvdimm.guest_bytes <= nvdimm.size_kib * 1024 - 2 * MIB
    assert nvdimm.guest_bytes % least == 0


@pytest.mark.parametrize(
    ("size_bytes", "align_bytes", "guest_bytes"),
    [
        pytest.param(6 * GIB, 2 * MIB, 6128 * MIB, id="a round namespace loses the label area, rounded to 16 MiB"),
        pytest.param(6 * GIB + 2 * MIB, 2 * MIB, 6 * GIB, id="2 MiB more give a round size"),
        pytest.param(526385152, 2 * MIB, 496 * MIB, id="512 MiB with map=dev"),
        pytest.param(3 * GIB, GIB, 2 * GIB, id="an alignment of 1 GiB costs 1 GiB"),
        pytest.param(18 * MIB, 4096, 16 * MIB, id="the smallest"),
    ],
)
def test_the_guest_sees_what_the_documents_promise(size_bytes: int, align_bytes: int, guest_bytes: int) -> None:
    assert NvdimmMemory.for_dax("/dev/dax0.1", size_bytes, align_bytes, "a").guest_bytes == guest_bytes


@pytest.mark.parametrize(("size_bytes", "align_bytes"), [(GIB, GIB), (18 * MIB - 1, 2 * MIB), (0, 4096)])
def test_a_dax_device_with_no_room_beside_the_label_area_is_an_error(size_bytes: int, align_bytes: int) -> None:
    with pytest.raises(ValueError, match=f"/dev/dax0.1 of {size_bytes} bytes is too small"):
        NvdimmMemory.for_dax("/dev/dax0.1", size_bytes, align_bytes, "a")


def test_the_block_devices_of_a_domains_disks_are_found_as_they_stand_there():
    domain_xml = """<domain><devices>
        <disk type='block' device='disk'><source dev='/dev/disk/by-id/nvme-x'/></disk>
        <disk type='block' device='cdrom'/>
        <disk type='file'><source file='/var/lib/disk'/></disk>
        </devices></domain>"""
    assert domain.disk_paths(domain_xml) == {"/dev/disk/by-id/nvme-x"}


@given(
    st.lists(st.tuples(HOSTDEVS, ADDRESSES), max_size=4, unique_by=lambda one: one[0].alias),
    st.lists(st.tuples(NVDIMMS, st.integers(0, 9)), max_size=4, unique_by=lambda one: one[0].alias),
)
def test_stored_xml_names_the_places_of_now_and_nothing_else_changes(ssds, memories):
    stored = [*(one for one, _ in ssds), *(one for one, _ in memories)]
    now = [replace(one, address=at) for one, at in ssds]
    now += [replace(one, path=f"/dev/nova_accel/{number}") for one, number in memories]
    by_alias = {one.alias: one for one in now}
    foreign = (
        '<hostdev type="pci"><source><address domain="0x0" bus="0x1" slot="0x2" function="0x3"/></source></hostdev>'
    )
    xml = in_domain(foreign, *(etree.tostring(one.to_element()).decode() for one in stored))
    renewed = domain.renewed(xml, now)
    wanted = in_domain(foreign, *(etree.tostring(by_alias[one.alias].to_element()).decode() for one in stored))
    if len(by_alias) == len(stored):
        assert etree.canonicalize(renewed) == etree.canonicalize(wanted)
    assert domain.renewed(renewed, now) is renewed
    assert domain.renewed(xml, ()) is xml


def test_what_is_not_in_stored_xml_is_not_put_into_it():
    xml = in_domain(NVDIMM)
    assert domain.renewed(xml, [PciHostdev(PciAddress(0, 1, 0, 0), "S4EVNF0M500001")]) is xml


def test_all_of_a_domains_memory_is_counted_in_bytes():
    assert domain.memory_bytes('<domain><memory unit="KiB">6422528</memory></domain>') == 6422528 * 1024


def test_host_devices_are_pci_and_mediated_ones_whoever_put_them_there():
    interface = "<interface type='hostdev'><source><address type='pci' domain='0' bus='0xaf' slot='0' function='1'/></source></interface>"
    mediated = "<hostdev mode='subsystem' type='mdev'><source><address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>"
    usb = "<hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source></hostdev>"
    ours = domain.pci_addresses(in_domain(HOSTDEV))
    assert domain.host_devices(in_domain(HOSTDEV, interface, mediated, usb)) == {
        *map(str, ours),
        "0000:af:00.1",
        "c2177883-f1bb-47f0-914d-32a22e3a8804",
    }
