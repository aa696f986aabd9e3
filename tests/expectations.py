"""Holds a test run to what its environment is named after: ``pytest -p tests.expectations --expect-nova=34 ...``.

What is said comes from the running process, not from what was meant to be installed or switched on. The last line is::

    Nova 34.0.0, native threads, 97 tests, nova_accel 0.1.0 as installed from the wheel
"""

from __future__ import annotations  # pytest 8.3, which the constraints of 2025.1 have, does not export TerminalReporter

import _thread
import importlib
import sys
import sysconfig
import threading
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from unittest import mock

import pytest

CHECKOUT = Path(__file__).parents[1]
BACKENDS = {"threads": "native threads", "eventlet": "eventlet"}


def _import_as_installed() -> Path:
    """Import nova_accel from where pip put it, though pytest puts the checkout first in the path; give its folder."""
    installed = [entry for entry in sys.path if Path(entry).resolve() != CHECKOUT]
    with mock.patch.object(sys, "path", installed):
        module = importlib.import_module("nova_accel")
    return Path(module.__path__[0])


# While pytest loads its plugins: no test and no conftest has imported it yet.
FOLDER = _import_as_installed()


def backend() -> str:
    """Say what a thread is in this process: under eventlet it runs in the operating system's thread of its starter."""
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(_thread.get_native_id()))
    thread.start()
    thread.join()
    return "eventlet" if seen == [_thread.get_native_id()] else "threads"


def nova_version() -> str | None:
    """Version of the Nova that something here has imported; None if nothing has."""
    return metadata.version("nova") if "nova" in sys.modules else None


def from_wheel() -> bool:
    """Whether the nova_accel under test is a copy that pip installed, and not the checkout."""
    return FOLDER.is_relative_to(sysconfig.get_path("purelib"))


@dataclass(frozen=True)
class Expected:
    """What the run's environment is named after; None where that says nothing."""

    nova: str | None
    backend: str | None
    tests: int | None
    wheel: bool

    def wrong_process(self) -> list[str]:
        """What can be known before the first test runs."""
        failures = []
        if self.nova and self.nova != (nova_version() or "").split(".")[0]:
            failures.append(f"Nova {self.nova} was expected")
        if self.backend and self.backend != backend():
            failures.append(f"{BACKENDS[self.backend]} was expected")
        if self.wheel and not from_wheel():
            failures.append("an installed wheel of nova_accel was expected")
        return failures

    def too_few(self, ran: int) -> list[str]:
        """What can be known in the end."""
        return [f"at least {self.tests} tests were expected"] if self.tests and ran < self.tests else []


class Expectations:
    """Counts the tests that ran, and compares with what was expected."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._ran = 0
        self._failures: list[str] = []

    def pytest_collection_finish(self) -> None:
        """End a run in the wrong process before it has taken its time."""
        failures = self._expected.wrong_process()
        if failures:
            pytest.exit(f"{_report(self._ran)}\n{_sentences(failures)}", returncode=pytest.ExitCode.TESTS_FAILED)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test when its body ran; one that was skipped did not run."""
        self._ran += report.when == "call" and not report.skipped

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run that would otherwise pass."""
        self._failures = self._expected.wrong_process() + self._expected.too_few(self._ran)
        if self._failures and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the line that says what ran, and each expectation that it does not meet."""
        terminalreporter.write_line(_report(self._ran))
        if self._failures:
            terminalreporter.write_line(_sentences(self._failures), red=True)


def _report(ran: int) -> str:
    nova = f"Nova {nova_version()}" if nova_version() else "no Nova"
    ours = "as installed from the wheel" if from_wheel() else "of the checkout"
    return f"{nova}, {BACKENDS[backend()]}, {ran} tests, nova_accel {metadata.version('nova-accel')} {ours}"


def _sentences(failures: list[str]) -> str:
    return f"NOT AS EXPECTED: {'; '.join(failures)}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the name of an environment promises."""
    group = parser.getgroup("expectations", "what the run must turn out to be")
    group.addoption("--expect-nova", metavar="MAJOR", help="Nova's major version, such as 34")
    group.addoption("--expect-backend", choices=sorted(BACKENDS), help="what a thread is in Nova's processes")
    group.addoption("--expect-tests", metavar="N", type=int, help="so many tests run at least")
    group.addoption("--expect-wheel", action="store_true", help="nova_accel is an installed wheel")


def pytest_configure(config: pytest.Config) -> None:
    """Start to count."""
    option = config.getoption
    expected = Expected(option("expect_nova"), option("expect_backend"), option("expect_tests"), option("expect_wheel"))
    config.pluginmanager.register(Expectations(expected), "expectations-of-the-run")
