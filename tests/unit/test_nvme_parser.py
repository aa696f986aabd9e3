"""nvme id-ctrl."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_accel.cleaning.choice import Method, choose
from nova_accel.exception import ParseError
from nova_accel.parsers import nvme


def test_what_the_controller_can_is_read_from_its_bits():
    can = nvme.parse_id_ctrl(json.dumps({"oacs": 266, "oncs": 349}))
    assert can.can_format
    assert can.can_write_zeroes


@pytest.mark.parametrize(("oacs", "method"), [(0b10, Method.FORMAT), (0b01, Method.WRITE_ZEROES)])
def test_format_is_chosen_where_the_controller_offers_it(oacs, method):
    assert choose(nvme.parse_id_ctrl(json.dumps({"oacs": oacs, "oncs": 8}))) is method


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"oacs": "2", "oncs": 8}', '{"oacs": true, "oncs": 8}', "[" * 100000]
)
def test_anything_else_is_refused_with_a_sentence(text):
    with pytest.raises(ParseError, match="cannot read the output of nvme id-ctrl"):
        nvme.parse_id_ctrl(text)


@given(st.text(max_size=500))
def test_only_the_documented_error_comes_out(text):
    with contextlib.suppress(ParseError):
        nvme.parse_id_ctrl(text)
