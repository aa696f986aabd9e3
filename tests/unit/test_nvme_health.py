"""nvme smart-log, in the shapes that the versions of nvme-cli print."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_accel.exception import ParseError
from nova_accel.parsers import nvme_health
from nova_accel.parsers.nvme_health import SsdHealth

FIELDS = {"critical_warning": 5, "temperature": 310, "avail_spare": 97, "spare_thresh": 10, "percent_used": 130}
HEALTH = SsdHealth(critical_warning=5, spare_percent=97, least_spare_percent=10, used_percent=130)
# What nvme-cli 2 prints with -v.
NAMED_BITS = {
    "available_spare": 1,
    "temp_threshold": 0,
    "reliability_degraded": 1,
    "ro": 0,
    "vmbu_failed": 0,
    "pmr_ro": 0,
}
BYTES = st.integers(0, 255)


def parse(document: object) -> SsdHealth:
    return nvme_health.parse(json.dumps(document))


@pytest.mark.parametrize(
    "document",
    [
        FIELDS,
        {**FIELDS, "critical_warning": {"value": 5, **NAMED_BITS}},
        {**FIELDS, "critical_warning": {"value": 5}},
        {**FIELDS, "critical_warning": NAMED_BITS},
        {
            "critical_warning": 5,
            "available_spare": 97,
            "available_spare_threshold": 10,
            "percentage_used": 130,
            "data_units_read": "340282366920938463463374607431768211455",
        },
    ],
    ids=["as a number", "with -v", "only the value", "only the bits", "as smartmontools calls them"],
)
def test_the_four_numbers_are_read_from_each_shape(document):
    assert parse(document) == HEALTH


@pytest.mark.parametrize("field", ["critical_warning", "avail_spare", "spare_thresh", "percent_used"])
@pytest.mark.parametrize("value", [None, "5", 5.0, True, -1, 256, [5], {}, {"value": 256}, {"value": "5"}, {"ro": 2}])
def test_a_number_that_is_none_of_a_byte_is_refused_with_a_sentence_that_names_it(field, value):
    with pytest.raises(ParseError, match="cannot read the output of nvme smart-log") as caught:
        parse({**FIELDS, field: value})
    named = "value is" if isinstance(value, dict) and "value" in value and field == "critical_warning" else field
    assert named in str(caught.value).partition(": {")[0]


def test_a_number_under_two_names_is_not_guessed():
    with pytest.raises(ParseError, match="more than one number avail_spare"):
        parse({**FIELDS, "available_spare": 3})


def test_a_number_that_comes_twice_is_not_guessed():
    with pytest.raises(ParseError, match="percent_used comes 2 times"):
        nvme_health.parse(json.dumps(FIELDS).replace("}", ', "percent_used": 3}'))


@pytest.mark.parametrize("text", ["", "[]", "5", "Smart Log for NVME device:nvme0", json.dumps([FIELDS]), "[" * 100000])
def test_anything_else_is_refused_with_a_sentence(text):
    with pytest.raises(ParseError, match="cannot read the output of nvme smart-log"):
        nvme_health.parse(text)


@given(st.text(max_size=500))
def test_only_the_documented_error_comes_out(text):
    with contextlib.suppress(ParseError):
        nvme_health.parse(text)


@given(BYTES, BYTES, BYTES, BYTES)
def test_each_log_page_reads_the_same_with_and_without_v(warning, spare, least, used):
    fields = {"avail_spare": spare, "spare_thresh": least, "percent_used": used}
    bits = {name: warning >> place & 1 for place, name in enumerate(NAMED_BITS)}
    plain = parse({**fields, "critical_warning": warning})
    assert plain == SsdHealth(warning, spare, least, used)
    assert parse({**fields, "critical_warning": {"value": warning, **bits}}) == plain
    assert parse({**fields, "critical_warning": bits}).critical_warning == warning & 0b111111
