"""Every recorded file is read by a parser that finds what is in it, or there is a reason why none reads it."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

import pytest

from nova_accel.parsers import ndctl, nvme
from tests.unit.recordings import (
    CAPTURES,
    CAPTURES_NOT_PARSED,
    DATA,
    RECORDED,
    RECORDED_FOR_PEOPLE,
    RECORDED_NOT_PARSED,
    understood,
)


def names(folder: str) -> list[str]:
    """Every file below a folder, as a path from there."""
    top = DATA / folder
    return sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())


def matches(name: str, pattern: str) -> bool:
    return fnmatchcase(PurePosixPath(name).name, pattern)


def text(folder: str, name: str) -> str:
    return (DATA / folder / name).read_text()


def parser_of(name: str) -> Callable[[str], Any] | None:
    if any(matches(name, pattern) for pattern in RECORDED_FOR_PEOPLE):
        return None
    return next((parse for pattern, parse in RECORDED.items() if matches(name, pattern)), None)


NOT_PARSED = RECORDED_FOR_PEOPLE | RECORDED_NOT_PARSED


def records_in(name: str) -> int:
    """Count the lines that are records."""
    lines = text("recorded", name).split("\n")
    return sum(bool(line) and not line.startswith("Filename") for line in lines)


PARSED = [name for name in names("recorded") if parser_of(name)]
OF_LINES = [name for name in PARSED if name.endswith(".txt")]


def test_each_capture_is_in_exactly_one_table() -> None:
    assert sorted([*CAPTURES, *CAPTURES_NOT_PARSED]) == names("captures")


@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_gives_what_the_table_says(name: str) -> None:
    recording = CAPTURES[name]
    assert recording.facts_of(text("captures", name)) == recording.facts


@pytest.mark.parametrize("table", [CAPTURES_NOT_PARSED, NOT_PARSED], ids=["captures", "recorded"])
def test_each_reason_is_one(table: dict[str, str]) -> None:
    assert [name for name, reason in table.items() if not reason.startswith("because ")] == []


@pytest.mark.parametrize("name", names("recorded"))
def test_a_file_of_the_other_set_has_a_parser_or_a_reason(name: str) -> None:
    assert parser_of(name) or any(matches(name, pattern) for pattern in NOT_PARSED)


@pytest.mark.parametrize("pattern", [*RECORDED, *NOT_PARSED])
def test_each_pattern_stands_for_a_file(pattern: str) -> None:
    assert any(matches(name, pattern) for name in names("recorded"))


@pytest.mark.parametrize("name", OF_LINES)
def test_each_line_of_the_other_set_is_understood(name: str) -> None:
    parse = parser_of(name)
    assert parse
    assert understood(parse)(text("recorded", name)) == (records_in(name), 0)


@pytest.mark.parametrize("name", [name for name in PARSED if name not in OF_LINES])
def test_each_object_of_the_other_set_is_understood(name: str) -> None:
    parse = parser_of(name)
    assert parse in (ndctl.parse, nvme.parse_id_ctrl)
    assert not getattr(parse(text("recorded", name)), "warnings", ())
