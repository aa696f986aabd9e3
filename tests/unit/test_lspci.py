"""lspci's output becomes records; what cannot be read costs that line only, with a warning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_accel.model import PciAddress, PciRecord
from nova_accel.parsers import lspci

NUMBERS = '0000:01:00.0 "0108" "1b36" "0010" -r02 -p02 "1af4" "1100"'


def test_a_line_of_numbers_becomes_a_record():
    assert lspci.parse(NUMBERS + "\n").records == (
        PciRecord(PciAddress(0, 1, 0, 0), class_id=0x0108, prog_if=2, vendor_id=0x1B36, product_id=0x0010),
    )


def test_a_missing_programming_interface_means_zero():
    (record,) = lspci.parse('0000:00:02.0 "0100" "1af4" "1001" "1af4" "0002"').records
    assert record.prog_if == 0
    assert not record.is_nvme


def test_a_name_that_looks_like_an_option_is_a_name():
    (record,) = lspci.parse('0000:01:00.0 "0108" "1b36" "0010" -p02 "-p00" "-p01"').records
    assert record.prog_if == 2


@pytest.mark.parametrize(
    "vendor_name",
    ["Inspur Electronic Information Industry Co., Ltd.", "IEIT SYSTEMS Co., Ltd", 'a "quoted" [1234] name'],
)
def test_names_before_the_numbers_do_not_matter(vendor_name):
    escaped = vendor_name.replace('"', '\\"')
    line = (
        f'10000:db:00.0 "Non-Volatile memory controller [0108]" "{escaped} [1bd4]" "NVMe SSD, 3.2T [1003]"'
        f' -r02 -p02 "{escaped} [1bd4]" "Device [1003]"'
    )
    (record,) = lspci.parse(line).records
    assert (record.vendor_id, record.product_id, record.is_nvme) == (0x1BD4, 0x1003, True)
    assert str(record.address) == "10000:db:00.0"


@pytest.mark.parametrize(
    "line",
    [
        "garbage",
        '0000:01:00.0 "0108" "1b36"',
        '0000:01:00.8 "0108" "1b36" "0010"',
        '0000:01:20.0 "0108" "1b36" "0010"',
        '0000:01:00.0 "01080" "1b36" "0010"',
        '0000:01:00.0 "0108" "Inspur" "0010"',
        '0000:01:00.0 "0108" "1b36" "0010" -r02 -p2 "1af4" "1100"',
        '0000:01:00.0 "0108" "1b36" "0010" -r02 -p02 -p00 "1af4" "1100"',
    ],
)
def test_a_line_that_cannot_be_read_is_quoted_in_a_warning_and_the_others_stay(line):
    parsed = lspci.parse(f"{line}\n{NUMBERS}\n")
    assert len(parsed.records) == 1
    (warning,) = parsed.warnings
    assert repr(line)[1:-1] in warning


@given(st.text(max_size=2000) | st.lists(st.sampled_from([NUMBERS, "", "x" * 5000, "\x00\x1b[2J", '"'])).map("\n".join))
def test_whatever_comes_nothing_is_silently_lost(text):
    parsed = lspci.parse(text)
    assert len(parsed.records) + len(parsed.warnings) == sum(bool(line.strip()) for line in text.split("\n"))
    assert all(len(warning) < 1000 for warning in parsed.warnings)


@given(
    st.from_type(PciAddress)
    | st.builds(PciAddress, st.integers(0, 0xFFFFF), st.integers(0, 255), st.integers(0, 31), st.integers(0, 7))
)
def test_an_address_survives_being_printed(address):
    if (
        0 <= address.domain <= 0xFFFFFFFF
        and 0 <= address.bus <= 255
        and 0 <= address.slot <= 31
        and 0 <= address.function <= 7
    ):
        assert PciAddress.parse(str(address)) == address
