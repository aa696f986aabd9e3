"""hostdev elements."""

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from nova_accel.model import PciAddress
from nova_accel.xml import hostdev
from nova_accel.xml.hostdev import PciHostdev

ADDRESSES = st.builds(PciAddress, st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 31), st.integers(0, 7))
ALIASES = st.text(max_size=30).map(hostdev.alias_for)

GOLDEN = (
    '<hostdev mode="subsystem" type="pci" managed="no">'
    '<source><address domain="0x0000" bus="0x5e" slot="0x00" function="0x1"/></source>'
    '<alias name="ua-accel-S4EVNF0M500001"/><rom enabled="no"/></hostdev>'
)


def test_the_element_is_what_libvirt_documents():
    element = PciHostdev(PciAddress(0, 0x5E, 0, 1), "S4EVNF0M500001").to_element()
    assert etree.tostring(element).decode() == GOLDEN


@given(st.builds(PciHostdev, ADDRESSES, ALIASES, st.booleans()))
def test_reading_an_element_gives_back_what_was_written(device):
    assert PciHostdev.from_element(device.to_element()) == device


@given(st.text(max_size=40))
def test_an_alias_has_only_characters_that_libvirt_takes(identity):
    assert set(hostdev.alias_for(identity)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def test_two_identities_that_differ_in_forbidden_characters_have_two_aliases():
    assert hostdev.alias_for("SN 1") != hostdev.alias_for("SN.1")


def test_only_our_own_devices_of_a_domain_have_an_alias():
    foreign = '<hostdev type="pci"><source><address bus="0x02" slot="0x00" function="0x0"/></source></hostdev>'
    xml = f"<domain><devices>{GOLDEN}{foreign}</devices></domain>"
    assert hostdev.pci_addresses(xml) == {PciAddress(0, 0x5E, 0, 1): "S4EVNF0M500001", PciAddress(0, 2, 0, 0): None}
