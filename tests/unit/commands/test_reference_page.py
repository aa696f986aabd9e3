"""The page of the commands says what there is."""

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
