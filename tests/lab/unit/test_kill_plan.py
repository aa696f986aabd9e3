"""The kills of nova-compute in the lab: none is forgotten, and the trap springs where it should, once."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys

import pytest

from lab import initramfs, trap
from nova_accel.ledger.store import Ledger
from tests.faults import points
from tests.lab.test_kills import POINTS, UNREACHABLE

CHANGING = set(points.calls()) - points.ASKING

# A process of its own: it names the places it comes by, and is killed at one of them or ends well.
CALLER = """\
import pathlib, sys, time
from lab import trap

trap.FILE = pathlib.Path(sys.argv[1])
begun = False

def erase(address):
    global begun
    print("begins", flush=True)
    begun = True
    time.sleep(float(sys.argv[2]))
    print("ends", flush=True)
    return address

trap._sign = lambda what, address: lambda: begun
print(trap.trapped("erase", erase)("0000:01:00.0"), flush=True)
"""


def called(file: pathlib.Path, takes_s: float = 0.0) -> subprocess.CompletedProcess[str]:
    """Make one call in a process whose traps are told by ``file`` where to spring."""
    argv = [sys.executable, "-c", CALLER, str(file), str(takes_s)]
    checkout = pathlib.Path(__file__).parents[3]
    return subprocess.run(argv, cwd=checkout, capture_output=True, text=True, timeout=60, check=False)


def test_every_call_that_changes_something_is_killed_or_it_is_said_why_not() -> None:
    for name in CHANGING - UNREACHABLE.keys():
        whens = {points.BEFORE, points.AFTER} | ({points.MIDDLE} if name in points.WITH_A_MIDDLE else set())
        assert {(name, when) for when in whens} <= {(one.what, one.when) for one in POINTS}, name


def test_what_cannot_be_reached_is_a_call_that_is_not_killed() -> None:
    assert UNREACHABLE.keys() <= CHANGING
    assert not UNREACHABLE.keys() & {one.what for one in POINTS}


def test_each_point_is_named_as_the_faults_name_it_and_killed_once() -> None:
    assert (trap.BEFORE, trap.MIDDLE, trap.AFTER) == (points.BEFORE, points.MIDDLE, points.AFTER)
    assert {one.what for one in POINTS} <= CHANGING | set(trap.TRANSITIONS)
    assert trap.TRANSITIONS.keys() <= set(points.transitions())
    assert len(set(POINTS)) == len(POINTS)


def test_the_traps_know_what_they_stand_around() -> None:
    assert trap.TOOLS.keys() <= points.WITH_A_MIDDLE
    for method in (one for methods in trap.TRANSITIONS.values() for one in methods):
        assert callable(getattr(Ledger, method))
    assert f'"{trap.FILE.parent}"' in (initramfs.SCRIPTS / "nova_compute.py").read_text()


def test_a_process_without_a_word_goes_on(tmp_path: pathlib.Path) -> None:
    done = called(tmp_path / "dies")
    assert (done.returncode, done.stdout.split()) == (0, ["begins", "ends", "0000:01:00.0"])


@pytest.mark.parametrize(
    ("where", "comes_by"), [("before", []), ("in the middle of", ["begins"]), ("after", ["begins", "ends"])]
)
def test_a_process_dies_where_it_was_told_to_and_the_next_one_does_not(
    tmp_path: pathlib.Path, where: str, comes_by: list[str]
) -> None:
    file = tmp_path / "dies"
    file.write_text(f"{where} erase\n")
    killed = called(file, takes_s=5.0 if comes_by == ["begins"] else 0.0)
    assert (killed.returncode, killed.stdout.split()) == (-signal.SIGKILL, comes_by)
    assert killed.stderr.splitlines()[-1] == f"{trap.SPRUNG} {where} erase"
    assert called(file).returncode == 0


def test_another_calls_word_is_not_heard(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "dies"
    file.write_text("before zero")
    assert called(file).returncode == 0
    assert file.exists()
