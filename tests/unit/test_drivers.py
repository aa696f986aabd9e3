"""Drivers: which device is whose, and what it is called."""

import contextlib

import os_traits
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_accel.conf import Settings
from nova_accel.drivers import loading
from nova_accel.drivers.base import SeenFunction
from nova_accel.drivers.filters import SsdFilter
from nova_accel.drivers.vendors import VENDOR_WORDS
from nova_accel.exception import ConfigurationError
from nova_accel.model import PciAddress, PciRecord


def function(vendor_id=0x8086, product_id=0x0A54, class_id=0x0108, prog_if=2, serial="SN1", numa_node=None):
    record = PciRecord(PciAddress(0, 1, 0, 0), class_id, prog_if, vendor_id, product_id)
    return SeenFunction(record, "boot:1", numa_node, serial)


def settings(drivers="inspur_nvme_ssd_driver,nvme_ssd_driver", filters=("vendor_id:*",)):
    return Settings(tuple(drivers.split(",")), tuple(filters), 60, ledger_path="/nowhere", cleaning_record="")


def taker(seen, **options):
    return next((driver.name for driver in loading.load(settings(**options)) if driver.wants(seen)), None)


@pytest.mark.parametrize("order", ["inspur_nvme_ssd_driver,nvme_ssd_driver", "nvme_ssd_driver,inspur_nvme_ssd_driver"])
def test_where_two_drivers_match_the_specific_one_wins_whatever_the_order(order):
    assert taker(function(vendor_id=0x1BD4), drivers=order) == "inspur_nvme_ssd_driver"
    assert taker(function(vendor_id=0x8086), drivers=order) == "nvme_ssd_driver"


@pytest.mark.parametrize("other", [{"class_id": 0x1200}, {"class_id": 0x0200}, {"prog_if": 1}])
def test_what_else_inspur_sells_is_not_an_ssd(other):
    assert taker(function(vendor_id=0x1BD4, **other)) is None


def test_an_inspur_ssd_has_the_traits_of_the_specification_and_its_numa_node():
    (driver, _) = loading.load(settings())
    (part,) = driver.device(function(vendor_id=0x1BD4, product_id=0x1003, numa_node=1)).deployables
    assert part.handles[0].id.resource_class == "CUSTOM_SSD"
    assert part.traits == {
        "CUSTOM_SSD_INSPUR",
        "CUSTOM_SSD_PRODUCT_ID_1003",
        "CUSTOM_SSD_VENDOR_ID_1BD4",
        "CUSTOM_NUMA_NODE_1",
    }


def test_an_unknown_vendor_has_its_number_only():
    (_, driver) = loading.load(settings())
    (part,) = driver.device(function(vendor_id=0xFFFE)).deployables
    assert part.traits == {"CUSTOM_SSD_VENDOR_ID_FFFE", "CUSTOM_SSD_PRODUCT_ID_0A54"}


@pytest.mark.parametrize("word", sorted(set(VENDOR_WORDS.values())))
def test_every_vendor_word_makes_a_valid_trait(word):
    assert os_traits.normalize_name(f"SSD_{word}") == f"CUSTOM_SSD_{word}"


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("vendor_id:8086", True),
        ("vendor_id:8086, product_id:0A54", True),
        ("vendor_id:8086,product_id:0a55", False),
        ("vendor_id:*,serial:SN?", True),
        ("serial:SN2*", False),
        ("address:0000:01:*", True),
        ("address:0000:02:00.0", False),
    ],
)
def test_a_filter_passes_only_what_fits_in_every_part(text, passes):
    assert SsdFilter.parse(text).passes(function()) is passes


def test_an_ssd_without_serial_passes_no_filter_that_asks_for_one():
    assert not SsdFilter.parse("serial:SN*").passes(function(serial=None))
    assert SsdFilter.parse("vendor_id:8086").passes(function(serial=None))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vendor_id",
        "vendor_id:",
        "vendor:8086",
        "vendor_id:0x8086",
        "vendor_id:8086,vendor_id:8086",
        "address:/sys",
        "a=b",
    ],
)
def test_a_malformed_filter_is_refused_with_option_value_and_what_would_be_right(text):
    with pytest.raises(ConfigurationError, match=r"^\[nova_accel\] nvme_ssd_filter = .* is not valid: .+\.$"):
        SsdFilter.parse(text)


@given(st.text(max_size=60))
def test_only_the_documented_error_comes_out_of_a_filter(text):
    with contextlib.suppress(ConfigurationError):
        SsdFilter.parse(text)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"drivers": "nvme_driver"},
            "'nvme_driver' is not among inspur_nvme_ssd_driver, intel_pmem_driver, nvme_ssd_driver",
        ),
        ({"drivers": "nvme_ssd_driver,nvme_ssd_driver"}, "named twice"),
        ({"drivers": "nvme_ssd_driver", "filters": ()}, "needs at least one"),
    ],
)
def test_wrong_drivers_are_refused(options, says):
    with pytest.raises(ConfigurationError, match=says):
        loading.load(settings(**options))
