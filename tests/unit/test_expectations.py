"""A run that is not what its environment is named after fails, and says why."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
NOVA = metadata.version("nova")
MAJOR = NOVA.split(".")[0]
IMPORTS_NOVA = "import nova\n"
IS_PATCHED = "import eventlet\neventlet.monkey_patch()\n"
TESTS = """
import pytest

def test_one(): pass

@pytest.mark.parametrize("number", range(2))
def test_others(number): pass

@pytest.mark.skip(reason="it is one of the three kinds that are told apart")
def test_that_does_not_run(): pass
"""


@pytest.fixture
def run(tmp_path: Path):
    """Run pytest over three tests that pass and one that is skipped, in a process of its own."""

    def run(conftest: str, *options: str) -> tuple[int, str]:
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        (tmp_path / "conftest.py").write_text(conftest)
        (tmp_path / "test_some.py").write_text(TESTS)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.expectations",
            "--rootdir",
            tmp_path,
            *options,
            tmp_path,
        ]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_run_that_is_as_expected_passes_and_says_what_it_was(run) -> None:
    status, output = run(IMPORTS_NOVA, f"--expect-nova={MAJOR}", "--expect-backend=threads", "--expect-tests=3")
    assert f"\nNova {NOVA}, native threads, 3 tests, nova_accel {metadata.version('nova-accel')} " in output
    assert status == 0
    assert "NOT AS EXPECTED" not in output


def test_a_patched_process_is_seen_to_be_eventlets(run) -> None:
    status, output = run(IS_PATCHED + IMPORTS_NOVA, "--expect-backend=eventlet")
    assert f"\nNova {NOVA}, eventlet, 3 tests, " in output
    assert status == 0


@pytest.mark.parametrize(
    ("conftest", "option", "sentence"),
    [
        (IMPORTS_NOVA, "--expect-nova=30", "Nova 30 was expected"),
        ("", f"--expect-nova={MAJOR}", f"Nova {MAJOR} was expected"),
        (IMPORTS_NOVA, "--expect-backend=eventlet", "eventlet was expected"),
        (IS_PATCHED, "--expect-backend=threads", "native threads was expected"),
    ],
)
def test_a_run_in_the_wrong_process_fails_before_its_first_test(run, conftest, option, sentence) -> None:
    status, output = run(conftest, option)
    assert f"NOT AS EXPECTED: {sentence}" in output
    assert ", 0 tests, " in output
    assert status == 1


def test_too_few_tests_fail_the_run_though_each_passed(run) -> None:
    status, output = run(IMPORTS_NOVA, "--expect-tests=4")
    assert "3 passed" in output
    assert "NOT AS EXPECTED: at least 4 tests were expected" in output
    assert status == 1


def test_a_selection_that_takes_nothing_fails(run) -> None:
    status, output = run(IMPORTS_NOVA, "--expect-tests=1", "-k", "no_such_test")
    assert "NOT AS EXPECTED: at least 1 tests were expected" in output
    assert status == 1


def test_every_expectation_that_is_not_met_is_named(run) -> None:
    status, output = run(IMPORTS_NOVA, "--expect-nova=30", "--expect-backend=eventlet")
    assert "NOT AS EXPECTED: Nova 30 was expected; eventlet was expected" in output
    assert status == 1
