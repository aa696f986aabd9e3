"""What the pages list is what there is."""

import configparser
import re
from pathlib import Path

import pytest

from nova_accel.eligibility.verdict import Reason
from nova_accel.ledger.states import State

ROOT = Path(__file__).parents[2]


def tox_environments() -> list[str]:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    return re.findall(r"[\w-]+", tox["tox"]["env_list"])


def test_run_runs_the_environments_of_tox() -> None:
    [listed] = re.findall(r"^ENVIRONMENTS=\(([^)]*)\)$", (ROOT / "run").read_text(), re.MULTILINE)
    assert listed.split() == tox_environments()


@pytest.mark.parametrize("environment", [*tox_environments(), "lab"])
def test_the_readme_says_what_each_environment_runs(environment: str) -> None:
    assert re.search(rf"^\| .*`{environment}`.* \|$", (ROOT / "README.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("reason", Reason)
def test_each_verdict_has_its_row(reason: Reason) -> None:
    assert f"\n   * - {reason.value}\n" in (ROOT / "docs/reference/verdicts.rst").read_text()


@pytest.mark.parametrize("state", State)
def test_each_state_is_explained(state: State) -> None:
    assert f"\n{state.value}\n    " in (ROOT / "docs/reference/states.rst").read_text()


@pytest.mark.parametrize("snippet", sorted(path.name for path in (ROOT / "etc/nova_accel").iterdir()))
def test_each_file_for_root_is_explained(snippet: str) -> None:
    assert f"``{snippet}``" in (ROOT / "docs/how-to/install.rst").read_text()
