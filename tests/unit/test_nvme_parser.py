"""nvme id-ctrl and nvme sanitize-log."""

import contextlib
import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_accel.exception import ParseError
from nova_accel.parsers import nvme
from nova_accel.parsers.nvme import SanitizeLog, SanitizeStatus

COMPOSED = Path(__file__).parents[1] / "data/composed"
UNDER_WAY = (COMPOSED / "sanitize-log-1.16-under-way.json").read_text()


def abilities(**fields):
    return nvme.parse_id_ctrl(json.dumps({"oacs": 0, "oncs": 0, "fna": 0, "sanicap": 0, "cmic": 0} | fields))


def able(**fields):
    found = dataclasses.asdict(abilities(**fields))
    return {name for name, value in found.items() if value}


@pytest.mark.parametrize(
    ("fields", "can"),
    [
        ({}, set()),
        ({"oacs": 0b10, "oncs": 0b1000}, {"can_format", "can_write_zeroes"}),
        ({"oacs": 0b1000}, {"manages_namespaces"}),
        ({"oacs": 266, "oncs": 349}, {"can_format", "can_write_zeroes", "manages_namespaces"}),
        ({"oacs": 0b10, "fna": 0b100}, {"can_format", "can_format_crypto"}),
        ({"oacs": 0b01, "fna": 0b100}, set()),
        ({"fna": 0b01}, {"formats_all"}),
        ({"fna": 0b10}, {"formats_all"}),
        ({"sanicap": 0b001}, {"can_sanitize_crypto"}),
        ({"sanicap": 0b010}, {"can_sanitize_block"}),
        ({"sanicap": 0b100}, {"can_sanitize_overwrite"}),
        ({"sanicap": 0xA0000000}, set()),
        ({"cmic": 0b001}, set()),
        ({"cmic": 0b010}, {"is_shared"}),
        ({"cmic": 0b100}, {"is_shared"}),
    ],
)
def test_what_the_controller_can_is_read_from_its_bits(fields, can):
    assert able(**fields) == can


@pytest.mark.parametrize("unallocated", ["3840755982336", 3840755982336, 3840755982336.0])
def test_how_much_is_in_no_namespace_is_read_as_every_release_prints_it(unallocated):
    assert abilities(oacs=0b1010, unvmcap=unallocated).unallocated_bytes == 3840755982336


def test_where_nobody_can_make_a_namespace_it_does_not_matter_what_is_in_none():
    assert abilities(oacs=0b0010, tnvmcap="1024", unvmcap="512").unallocated_bytes == 0
    assert abilities(oacs=0b1010).unallocated_bytes == 0


@pytest.mark.parametrize("unallocated", ["", "1,024", "0x10", "-1", -1, 0.5, 1e400, True, [], "1" * 40, "\u0661"])
def test_a_size_that_is_none_is_refused(unallocated):
    with pytest.raises(ParseError, match="cannot read the output of nvme id-ctrl: unvmcap is no number of bytes"):
        abilities(oacs=0b1010, unvmcap=unallocated)


def test_what_is_not_printed_is_not_offered_and_who_does_not_say_so_is_not_alone():
    assert nvme.parse_id_ctrl('{"oacs": 2, "oncs": 8}') == nvme.ControllerAbilities(True, True, is_shared=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"oacs": "2", "oncs": 8}',
        '{"oacs": true, "oncs": 8}',
        '{"oacs": 2, "oncs": 8, "sanicap": "7"}',
        '{"oacs": 2, "oncs": 8, "sanicap": 0, "sanicap": 7}',
        "[" * 100000,
    ],
)
def test_anything_else_is_refused_with_a_sentence(text):
    with pytest.raises(ParseError, match="cannot read the output of nvme id-ctrl"):
        nvme.parse_id_ctrl(text)


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("1.16-under-way", SanitizeLog(SanitizeStatus.UNDER_WAY, 16384, "block")),
        ("2.3-never", SanitizeLog(SanitizeStatus.NEVER, 65535, "", is_untouched=True)),
        ("2.8-done", SanitizeLog(SanitizeStatus.DONE, 65535, "overwrite", is_untouched=True)),
        ("2.13-failed", SanitizeLog(SanitizeStatus.FAILED, 65535, "crypto")),
    ],
)
def test_the_log_of_every_release_of_nvme_cli_is_read(name, log):
    assert nvme.parse_sanitize_log((COMPOSED / f"sanitize-log-{name}.json").read_text()) == log


def test_every_composed_log_is_read_by_a_test():
    named = {"1.16-under-way", "2.3-never", "2.8-done", "2.13-failed"}
    assert {file.stem for file in COMPOSED.glob("*.json")} == {f"sanitize-log-{name}" for name in named}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"nvme0"', '"nvme0": {"sstat": {}}, "nvme1"'),
        ('"sprog" : 16384', '"sprog" : 65536'),
        ('"sprog" : 16384', '"sprog" : -1'),
        ('"sprog" : 16384,', ""),
        ('"cdw10_info" : 2', '"cdw10_info" : "2"'),
        ('"(2) Sanitize in Progress."', "2"),
        ('"(2) Sanitize in Progress."', '"(6) Words."'),
        ('"(2) Sanitize in Progress."', '"Sanitize in Progress."'),
        ('"no_cmplted_passes" : 0', '"other" : "(1) Done."'),
        (UNDER_WAY, ""),
        (UNDER_WAY, "[]"),
        (UNDER_WAY, '{"nvme0": {"sstat": []}}'),
    ],
)
def test_a_log_that_is_not_one_is_refused_with_a_sentence(old, new):
    assert old in UNDER_WAY
    with pytest.raises(ParseError, match="cannot read the output of nvme sanitize-log"):
        nvme.parse_sanitize_log(UNDER_WAY.replace(old, new))


@given(st.text(max_size=500))
def test_only_the_documented_error_comes_out(text):
    for parse in (nvme.parse_id_ctrl, nvme.parse_sanitize_log):
        with contextlib.suppress(ParseError):
            parse(text)
