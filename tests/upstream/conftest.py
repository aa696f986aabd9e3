"""Which modules are run, and that they are run side by side and ahead of the tests that ask for what came of them."""

from collections.abc import Iterator

import pytest

from tests.upstream import runs
from tests.upstream.runs import OURS, THEIRS, Run, Runs

_DONE = pytest.StashKey[dict[tuple[str, str], Run]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let all modules be asked for."""
    parser.addoption(
        "--all", action="store_true", help="every module of Nova's tests of its libvirt driver, which takes long"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep what came of the runs, for the last lines."""
    config.stash[_DONE] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each module, over each of what our driver is run as."""
    if "module" not in metafunc.fixturenames:
        return
    modules = runs.every_module() if metafunc.config.getoption("--all") else runs.few_modules()
    metafunc.parametrize("module", modules, ids=[one.rpartition(".")[2] for one in modules], scope="session")
    metafunc.parametrize("over", list(OURS.values()), ids=list(OURS), scope="session")


@pytest.fixture(scope="session")
def all_runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Begin with all that the chosen tests need, in their order."""
    begun = Runs(tmp_path_factory.mktemp("upstream"))
    for item in request.session.items:
        chosen = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if "module" in chosen:
            begun.begin(chosen["module"], THEIRS)
            begun.begin(chosen["module"], chosen["over"])
    yield begun
    begun.finish()


@pytest.fixture
def theirs(request: pytest.FixtureRequest, all_runs: Runs, module: str) -> Run:
    """What the module's tests said over LibvirtDriver."""
    return _noted(request, all_runs, module, THEIRS)


@pytest.fixture
def ours(request: pytest.FixtureRequest, all_runs: Runs, module: str, over: str) -> Run:
    """What they said over our driver."""
    return _noted(request, all_runs, module, over)


def _noted(request: pytest.FixtureRequest, all_runs: Runs, module: str, over: str) -> Run:
    return request.config.stash[_DONE].setdefault((module, over), all_runs.of(module, over))


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter", config: pytest.Config) -> None:
    """Say how many of Nova's tests passed over which driver."""
    done = config.stash[_DONE]
    terminalreporter.section(f"Nova's own functional tests: {len({module for module, _ in done})} modules")
    for line in runs.summary((over, run) for (_, over), run in done.items()):
        terminalreporter.line(line)
