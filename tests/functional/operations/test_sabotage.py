"""What these tests are worth: with a cleaner that does nothing, or a claim that ignores use, the right rows turn red and no others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.operations import table

HERE = Path(__file__).parent
SOME = (
    "test_life.py::LifeTest::test_whatever_starts_and_stops_a_guest_leaves_it_its_devices_and_their_data",
    "test_claims.py",
    "test_moves.py::ResizedInPlaceTest::test_confirmed",
)


def rows_of(sabotage: str) -> tuple[dict[str, set[str]], set[str]]:
    """Run some operations with something broken: the red rows with the witnesses that saw it, and the others."""
    asked = [sys.executable, "-m", "pytest", "-q", "-W", "ignore", "-p", "no:cacheprovider", f"--sabotage={sabotage}"]
    run = subprocess.run(
        [*asked, *(str(HERE / one) for one in SOME)],
        cwd=HERE.parents[2],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout[-3000:] + run.stderr[-3000:]
    return table.red(run.stdout), table.green(run.stdout)


def test_a_cleaner_that_does_nothing_is_seen_wherever_something_has_to_be_clean() -> None:
    red, green = rows_of("cleaner")
    assert red == {"delete": {"device"}, "resize on the same host confirmed": {"device"}}
    assert {"boot", "stop", "hard reboot", "resize on the same host", "two claims of the same"} <= green


def test_a_claim_that_ignores_use_is_seen_wherever_two_want_the_same() -> None:
    red, green = rows_of("claim")
    assert red.keys() == {"two claims of the same", "claim of what is not clean"}
    assert {"ledger", "domain"} <= red["two claims of the same"]
    assert {"boot", "stop", "hard reboot", "delete", "resize on the same host confirmed"} <= green
