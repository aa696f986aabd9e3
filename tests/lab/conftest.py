"""One emulated compute host for all tests that want the same hardware and configuration."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from lab import folders
from lab.configuration import ALL_DRIVERS, with_drivers
from lab.lab import Lab, Wish
from lab.scenario import Chance, Ssd, smoke
from lab.steps import Steps, say
from tests.lab.ssds import FLAVOR, FREE


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of ``python -m lab``."""
    group = parser.getgroup("lab")
    group.addoption("--lab-seed", type=int, default=secrets.randbelow(1 << 32), help="decides serials, sizes, nonces")
    group.addoption("--lab-drivers", default=ALL_DRIVERS, help="[nova_accel] enabled_drivers")


def pytest_configure(config: pytest.Config) -> None:
    """The markers, told apart by how long they may take."""
    config.addinivalue_line("markers", "smoke: boots the emulated host; all of them together in 15 minutes")
    config.addinivalue_line("markers", "full: boots the emulated host; takes its time")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what needs no shared L1: one that boots its own is then done before the shared one starts."""
    items.sort(key=lambda item: "lab" in getattr(item, "fixturenames", ()))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Say at once what went wrong: the end of a run is far away."""
    if report.failed:
        say(f"\n{report.nodeid}: {report.longreprtext}")


@pytest.fixture(scope="session")
def steps() -> Iterator[Steps]:
    """The session's steps, shown as a table in the end."""
    steps = Steps()
    yield steps
    say("\n" + steps.table())


@pytest.fixture(scope="session")
def chance(request: pytest.FixtureRequest) -> Chance:
    """The run's serials, sizes, nonces and offsets."""
    seed: int = request.config.getoption("--lab-seed")
    say(f"\nlab: seed {seed}")
    return Chance(seed)


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest, steps: Steps, chance: Chance) -> Iterator[Lab]:
    """The smoke scenario's hardware with nova_accel configured, nova-compute running."""
    drivers: str = request.config.getoption("--lab-drivers")
    lab = Lab(Wish(smoke(chance), **with_drivers(drivers)), folders.home(), steps)
    with lab:
        lab.start_nova()
        yield lab
        if request.session.testsfailed:
            lab.show_logs()
    assert lab.left == [], "the lab left something behind"


@pytest.fixture(scope="session")
def flavor(lab: Lab) -> str:
    """A flavor that asks for one SSD."""
    return lab.cloud.flavor("one-ssd", FLAVOR)


@pytest.fixture(scope="session")
def free(lab: Lab) -> list[Ssd]:
    """The SSDs that may be given away."""
    return [lab.wish.scenario.ssd(name) for name in FREE]
