"""Imports go one way, Nova stays at the border, root's part stands alone, and nothing happens at import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "nova_accel"

# From the values to the driver; a room may import itself and whatever stands in an earlier line.
ORDER = [
    {"model", "exception"},
    {"conf"},
    {"parsers", "xml", "request", "privsep"},
    {"facts"},
    {"host"},
    {"drivers", "eligibility", "ledger"},
    {"discovery", "cleaning"},
    {"provider_tree"},
    {"virt"},
    {"commands"},
]
LEVELS = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
KNOW_NOVA = ("virt.", "provider_tree.apply")

# What a module may do at import, besides defining: read constants, as of an enum or a compiled pattern.
DEFINITIONS = (
    ast.AnnAssign,
    ast.Assign,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.FunctionDef,
    ast.Import,
    ast.ImportFrom,
)
IMPORT_ALL = """
import importlib, sys

harmful = {"os.exec", "os.fork", "os.posix_spawn", "os.system", "socket.bind", "socket.connect", "sqlite3.connect",
           "subprocess.Popen", "_thread.start_new_thread", "os.mkdir", "os.remove", "os.rename"}

def watch(event, arguments):
    written = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in harmful or written:
        raise RuntimeError(f"{event} at import: {arguments}")

sys.dont_write_bytecode = True
for third_party in ("lxml.etree", "oslo_config.cfg", "oslo_log.log", "oslo_privsep.daemon", "sqlite3", "stevedore"):
    importlib.import_module(third_party)
sys.addaudithook(watch)
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def name_of(path: Path) -> str:
    """Name a module within nova_accel: ``virt.driver``; the package itself is ``""``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def imported(tree: ast.Module) -> Iterator[str]:
    """Give every module that is imported anywhere in a module, in functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides which room it enters"
            # "from nova_accel import conf" imports the module nova_accel.conf
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_of_ours(tree: ast.Module) -> set[str]:
    names = [name.split(".") for name in imported(tree)]
    return {parts[1] for parts in names if parts[0] == "nova_accel" and len(parts) > 1}


def room_of(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("module", [name for name in MODULES if name])
def test_a_module_imports_only_from_rooms_before_its_own(module: str) -> None:
    room = room_of(module)
    wrong = {other for other in rooms_of_ours(MODULES[module]) if LEVELS[other] >= LEVELS[room] and other != room}
    assert wrong == set()


def test_the_package_itself_imports_nothing() -> None:
    assert list(imported(MODULES[""])) == []


@pytest.mark.parametrize("module", [name for name in MODULES if not f"{name}.".startswith(KNOW_NOVA)])
def test_only_the_border_knows_nova(module: str) -> None:
    assert [name for name in imported(MODULES[module]) if name.split(".")[0] == "nova"] == []


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) == "privsep"])
def test_what_runs_as_root_imports_nothing_of_ours_but_the_model(module: str) -> None:
    assert rooms_of_ours(MODULES[module]) <= {"privsep", "model"}


@pytest.mark.parametrize("module", list(MODULES))
def test_a_module_only_defines(module: str) -> None:
    docstring, *statements = MODULES[module].body
    assert isinstance(docstring, ast.Expr)
    acts = [one for one in statements if not isinstance(one, DEFINITIONS) and not is_text(one)]
    assert [ast.unparse(statement) for statement in acts] == []


def is_text(statement: ast.stmt) -> bool:
    """Whether it is the docstring of a constant."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def test_importing_starts_and_writes_nothing() -> None:
    names = [f"nova_accel.{name}" for name in MODULES if name and not f"{name}.".startswith(KNOW_NOVA)]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names], capture_output=True, text=True, cwd=PACKAGE.parent
    )
    assert done.returncode == 0, done.stderr
