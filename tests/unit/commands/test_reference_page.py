"""The page of the commands says what there is."""

import re
from pathlib import Path

import pytest

from nova_accel.commands.checks.all_checks import CHECKS

PAGE = (Path(__file__).parents[3] / "docs/reference/commands.rst").read_text()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_each_check_has_its_row(check):
    assert f"\n   * - {check.name}\n" in PAGE


def test_the_rows_stand_in_the_order_of_the_checks():
    places = [PAGE.index(f"   * - {check.name}\n") for check in CHECKS]
    assert places == sorted(places)


def test_commands_and_options_are_generated():
    assert PAGE.count(".. autoprogram-cliff:: nova_accel.commands") == 2


@pytest.mark.parametrize(
    ("heading", "words"), [("Fields of device list", ["list"]), ("Fields of device show", ["show", "S4EVUSED"])]
)
def test_each_field_that_a_script_sees_has_its_row(run, ledger, heading, words):
    shown = run("device", *words, "-f", "json").json
    fields = shown[0] if isinstance(shown, list) else shown
    table = PAGE.partition(f"\n{heading}\n---")[2].partition("list-table::")[2]
    rows = re.findall(r"^   \* - (.+)$", re.split(r"\n(?=\S)", table)[0], re.MULTILINE)
    assert rows == ["field", *fields]
