"""The points at which processes are killed: none is forgotten, and a few kills here; ``./run faults`` makes all of them."""

import inspect
import subprocess
from importlib import metadata

import pytest

from nova_accel.host import Host
from nova_accel.ledger import states
from tests.faults import points
from tests.unit import own_process

# Nova's own fixtures keep their databases in files since then; before, a killed process takes them with it.
needs_files = pytest.mark.skipif(
    int(metadata.version("nova").partition(".")[0]) < 34, reason="this Nova's fixtures have databases in memory only"
)


def faults(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m tests.faults``."""
    return own_process.run_module("tests.faults", *arguments)


def test_every_privileged_function_is_a_call_of_the_hosts_and_the_other_way_round():
    of_host = {name for name, _ in inspect.getmembers(Host, inspect.isfunction) if not name.startswith("_")}
    assert set(points.calls()) == of_host


def test_what_is_known_of_calls_is_known_of_calls_that_there_are():
    assert set(points.calls()) >= points.ASKING | points.WITH_A_MIDDLE
    assert not points.ASKING & points.WITH_A_MIDDLE


def test_each_transition_is_killed_before_its_commit_and_after_it():
    killed = [(one.what, one.when) for one in points.of_transitions()]
    names = [points.transition(state, event) for state, event in states._AFTER]
    assert killed == [(name, when) for name in names for when in (points.BEFORE, points.AFTER)]


def test_each_call_that_changes_something_is_killed_before_after_and_within():
    killed = {(one.what, one.when) for one in points.of_calls()}
    for name in set(points.calls()) - points.ASKING:
        assert {(name, points.BEFORE), (name, points.AFTER)} <= killed
    assert {(name, points.MIDDLE) for name in points.WITH_A_MIDDLE} <= killed


@needs_files
def test_every_point_has_a_scene_that_reaches_it():
    listed = faults("--list")
    assert listed.returncode == 0, listed.stderr
    assert {line for line in listed.stdout.splitlines() if "no scene" in line} == set()
    for point in (*points.of_transitions(), *points.of_calls(), *points.of_hypervisor()):
        assert f"killed {point}" in listed.stdout.splitlines()
    for call in points.calls():
        assert f"\na tool hangs and is killed, {call}, while " in listed.stdout, f"{call} is never the one that hangs"


@needs_files
def test_a_transition_without_a_scene_is_noticed():
    listed = faults("--list", "--as-if", "available, vanish")
    assert listed.returncode == 1
    assert "no scene in tests/faults/scenes.py reaches 'available, vanish'" in listed.stdout


@needs_files
def test_a_killed_nova_compute_leaks_loses_and_gives_away_twice_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = faults("--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(tmp_path.glob("nova-accel-faults-*")), "a good run leaves nothing"
    assert done.stdout.splitlines()[-2].split() == ["all", "3", "0", "0", "0", "0", "0", "0", "0"]


@needs_files
def test_a_cleaning_that_does_nothing_is_counted_as_a_leak(tmp_path):
    done = faults("--sabotage", "cleaner", "--keep", str(tmp_path), "--only", "killed after assigned, release")
    assert done.returncode == 1, done.stdout + done.stderr
    assert int(done.stdout.splitlines()[-2].split()[2]) > 0


@needs_files
def test_a_cleaning_that_is_not_recorded_is_counted(tmp_path):
    done = faults("--sabotage", "record", "--keep", str(tmp_path), "--only", "killed after assigned, release")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2].split()[2:] == ["0", "0", "0", "0", "2", "0", "0"]


@needs_files
@pytest.mark.parametrize(
    ("sabotage", "title"),
    [("moves", "while a move waits for its end"), ("ends", "check_namespace, a server is rebooted hard")],
)
def test_a_release_without_evidence_is_counted_by_what_nova_says(tmp_path, sabotage, title):
    done = faults("--sabotage", sabotage, "--keep", str(tmp_path), "--only", title)
    assert done.returncode == 1, done.stdout + done.stderr
    assert int(done.stdout.splitlines()[-2].split()[5]) > 0
    assert "by Nova's database that of" in done.stdout
