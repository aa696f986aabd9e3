"""Whatever hardware and configuration say, what we call things in Placement is valid there, and two things never share a name."""

import re
from collections.abc import Iterable

import os_resource_classes
import os_traits
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_accel.conf import Settings
from nova_accel.drivers import labels, nvme
from nova_accel.drivers.base import SeenFunction, SeenNamespace, SeenRegion
from nova_accel.drivers.inspur import InspurNvmeSsdDriver
from nova_accel.drivers.pmem import IntelPmemDriver
from nova_accel.drivers.vendors import VENDOR_WORDS
from nova_accel.exception import ConfigurationError
from nova_accel.model import Device, PciAddress, PciRecord
from nova_accel.parsers.ndctl import NamespaceRecord
from nova_accel.provider_tree import names

# Placement's schemas for custom traits and custom resource classes, and for a provider's name.
CUSTOM = re.compile(r"CUSTOM_[A-Z0-9_]+", re.ASCII)
LONGEST_CUSTOM = 255
LONGEST_PROVIDER = 200

hard = settings(deadline=None, max_examples=300)

SETTINGS = Settings(
    enabled_drivers=(),
    nvme_ssd_filters=(),
    discovery_interval_s=0,
    ledger_path="",
    cleaning_record="",
    pmem_namespaces=("6GB:ns0",),
)
KINDS = st.sampled_from(["ssd", "pmem"])
# Serials as they are, and as a firmware could make them: those that differ in one odd character only, long ones, any text.
SERIALS = (
    st.text("ABab01 -_./:", max_size=20)
    | st.text(st.characters(), max_size=40)
    | st.text("X_", min_size=150, max_size=300)
    | st.uuids().map(str)
)
NODES = st.text("abc-._0", min_size=1, max_size=60) | st.text("n.", min_size=180, max_size=255)
DEVICES = st.tuples(KINDS, SERIALS)


def provider(node: str, device: tuple[str, str]) -> str:
    return names.provider(node, names.suffix(*device))


def wrong(customs: Iterable[str]) -> list[str]:
    """Those that Placement would refuse, or that the libraries of names would write otherwise."""
    return [
        name
        for name in customs
        if not CUSTOM.fullmatch(name)
        or len(name) > LONGEST_CUSTOM
        or os_traits.normalize_name(name.removeprefix("CUSTOM_")) != name
        or os_resource_classes.normalize_name(name.removeprefix("CUSTOM_")) != name
    ]


def customs_of(device: Device) -> set[str]:
    traits = {trait for part in device.deployables for trait in part.traits}
    return traits | {handle.id.resource_class for handle in device.handles}


def test_provider_names_fit_placement_whatever_the_serial():
    assert provider("node", ("ssd", "SN1")) == "node_accel_ssd_SN1"
    long = provider("n" * 190, ("ssd", "SN1"))
    assert len(long) == 200
    assert long != provider("n" * 190, ("ssd", "SN2"))
    assert names.suffix("ssd", "SN 1") != names.suffix("ssd", "SN_1")


@given(NODES, DEVICES)
@hard
def test_a_providers_name_fits_placement_and_its_uuid_follows_from_it(node, device):
    name = provider(node, device)
    assert 1 <= len(name) <= LONGEST_PROVIDER
    assert name.isprintable()
    assert names.provider_uuid(name) == names.provider_uuid(provider(node, device))


@given(NODES, st.sets(DEVICES, max_size=30))
@hard
def test_no_two_devices_of_a_host_share_a_provider(node, devices):
    found = {provider(node, device) for device in devices}
    assert len(found) == len(devices)
    assert len({names.provider_uuid(name) for name in found}) == len(devices)


@given(NODES, KINDS, st.text("ab ", min_size=1, max_size=3), st.text("xy", max_size=250))
@hard
def test_no_device_is_named_after_what_another_ones_name_was_made_of(node, kind, odd, end):
    """As firmware might that knows how we name things: its serial is the end of the other's provider name."""
    original = (kind, odd + end)
    copied = (kind, provider(node, original).removeprefix(f"{node}_accel_{kind}_"))
    assert copied == original or provider(node, copied) != provider(node, original)


@given(st.sets(NODES, min_size=2, max_size=5), DEVICES)
@hard
def test_one_serial_on_two_hosts_is_two_providers(nodes, device):
    assert len({provider(node, device) for node in nodes}) == len(nodes)


FUNCTIONS = st.builds(
    SeenFunction,
    record=st.builds(
        PciRecord,
        address=st.just(PciAddress(0, 1, 0, 0)),
        class_id=st.just(0x0108),
        prog_if=st.just(2),
        vendor_id=st.integers(0, 0xFFFF) | st.sampled_from(sorted(VENDOR_WORDS)),
        product_id=st.integers(0, 0xFFFF),
        vendor_name=st.none() | st.text(),
        product_name=st.none() | st.text(),
    ),
    incarnation=st.just("boot:1"),
    numa_node=st.none() | st.integers(0, 2**64),
    serial=st.none() | SERIALS,
)


@given(FUNCTIONS)
@hard
def test_an_ssd_has_valid_traits_and_a_valid_class(function):
    assert wrong(customs_of(InspurNvmeSsdDriver(SETTINGS).device(function))) == []
    assert wrong(customs_of(nvme.describe("nvme_ssd_driver", function))) == []


@pytest.mark.parametrize("vendor_id", VENDOR_WORDS)
def test_each_vendors_word_makes_a_trait_and_none_looks_like_a_number(vendor_id):
    assert wrong([f"CUSTOM_SSD_{VENDOR_WORDS[vendor_id]}"]) == []
    assert not VENDOR_WORDS[vendor_id].startswith(("VENDOR_ID", "PRODUCT_ID"))


def test_no_two_vendors_share_a_word():
    assert len(set(VENDOR_WORDS.values())) == len(VENDOR_WORDS)


LABELS = st.text("aB6_", max_size=6) | st.text("L", min_size=225, max_size=240) | st.text(max_size=5)
NAMES = st.lists(st.text("ns01 ", max_size=4) | st.text(max_size=4), max_size=4).map("|".join)
ITEMS = st.lists(st.builds("{}:{}".format, LABELS, NAMES) | st.text(max_size=10), max_size=4)


@given(ITEMS)
@hard
def test_labels_are_refused_or_make_valid_classes_and_traits(items):
    try:
        found = labels.parse(items)
    except ConfigurationError as error:
        assert error.option == "pmem_namespaces"  # noqa: PT017 - it is one of two good endings
    else:
        assert wrong(map(labels.resource_class, found.values())) == []


NAMESPACES = st.builds(
    SeenNamespace,
    record=st.builds(
        NamespaceRecord,
        dev=st.builds("namespace0.{}".format, st.integers(0, 99)),
        region=st.just("region0"),
        mode=st.just("devdax"),
        size_bytes=st.integers(0, 2**64),
        uuid=st.none() | st.uuids().map(str),
        name=st.none() | st.text(),
    ),
    incarnation=st.just("boot:1"),
    label=st.from_regex(r"[A-Za-z0-9_]{1,233}", fullmatch=True),
)
REGIONS = st.builds(SeenRegion, dev=st.just("region0"), identity=SERIALS, numa_node=st.none() | st.integers(0, 2**64))


@given(REGIONS, st.lists(NAMESPACES, max_size=3))
@hard
def test_a_region_has_valid_traits_and_classes(region, namespaces):
    driver = IntelPmemDriver(SETTINGS)
    assert wrong(customs_of(driver.device(region, namespaces))) == []
