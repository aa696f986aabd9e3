"""What these tests are worth: with a cleaner that does nothing, or a claim that ignores use, the right rows turn red and no others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.operations import table

HERE = Path(__file__).parent
FEW = (
    "test_life.py::LifeTest::test_whatever_starts_and_stops_a_guest_leaves_it_its_devices_and_their_data",
    "test_claims.py",
    "test_moves.py::ResizedInPlaceTest::test_confirmed",
)
MORE = (
    "test_moves.py::MovesTest::test_a_reverted_migration_gives_back_the_old_devices_with_their_data_and_cleans_the_new_ones",
    "test_images.py::RebuildTest::test_a_rebuild_wipes_the_devices_and_keeps_them",
    "test_shelve.py::ShelveTest::test_offload_cleans_and_unshelve_claims_elsewhere",
    "test_evacuate.py::EvacuateTest::test_the_old_host_cleans_what_was_left_there_once_it_is_back",
)
ERASED = {
    "delete",
    "resize on the same host confirmed",
    "cold migration reverted",
    "rebuild, on_rebuild = clean",
    "shelve offload",
    "evacuation, old host back again",
}


def rows_of(sabotage: str, *tests: str) -> tuple[dict[str, set[str]], set[str], str]:
    """Run some operations with something broken: the red rows with the witnesses that saw it, the others, and all that was printed."""
    asked = [sys.executable, "-m", "pytest", "-q", "-W", "ignore", "-p", "no:cacheprovider", f"--sabotage={sabotage}"]
    run = subprocess.run(
        [*asked, *(str(HERE / one) for one in tests)],
        cwd=HERE.parents[2],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout[-3000:] + run.stderr[-3000:]
    return table.red(run.stdout), table.green(run.stdout), run.stdout


def test_a_cleaner_that_does_nothing_is_seen_wherever_something_has_to_be_clean() -> None:
    red, green, output = rows_of("cleaner", *FEW, *MORE)
    assert red == {operation: {"device"} for operation in ERASED}
    assert red.keys() == table.erased(output)
    assert "and nothing else is, but for: none" in output
    assert {"boot", "stop", "hard reboot", "resize on the same host", "two claims of the same", "shelve"} <= green


def test_a_claim_that_ignores_use_is_seen_wherever_two_want_the_same() -> None:
    red, green, output = rows_of("claim", *FEW)
    assert red.keys() == {"two claims of the same", "claim of what is not clean"}
    assert {"ledger", "domain"} <= red["two claims of the same"]
    assert table.erased(output) == {"delete", "resize on the same host confirmed"}
    assert {"boot", "stop", "hard reboot", "delete", "resize on the same host confirmed"} <= green
