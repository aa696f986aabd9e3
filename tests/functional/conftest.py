"""Nova's monkey patching, or its ban on eventlet under native threads, has to come before any other module of nova."""

from __future__ import annotations  # pytest 8.3, which the constraints of 2025.1 have, does not export TerminalReporter

from collections.abc import Iterator

import nova.tests.functional  # noqa: F401  importing it is what patches
import pytest

from tests.functional.operations import sabotage, table


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the tests of operations must notice."""
    parser.addoption(
        "--sabotage", choices=sorted(sabotage.KINDS), help="break this on purpose, to see which operations notice"
    )


@pytest.fixture(autouse=True)
def sabotaged(request: pytest.FixtureRequest) -> Iterator[None]:
    """Break what is asked for."""
    with sabotage.applied(request.config.getoption("--sabotage")):
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of operations, if any were tried."""
    if table.ROWS:
        terminalreporter.section("operations, and the five that were asked after each")
        for line in table.printed(table.ROWS):
            terminalreporter.write_line(line)
    if terminalreporter.config.getoption("--sabotage") == "cleaner":
        terminalreporter.write_line(table.unnoticed(table.ROWS))
