"""Runs tries side by side, each in processes of its own."""

import os
import pickle
import shutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.faults.killing import endure, kill
from tests.faults.moments import Trial
from tests.faults.outcome import Outcome
from tests.faults.points import Point
from tests.faults.scenes import scene_of
from tests.faults.world import World

Try = Point | Trial


def fault_of(one: Try) -> str:
    """The row of the table that a try belongs to."""
    if isinstance(one, Point):
        return f"killed while {one.during}" if one.during else f"killed around: {one.what}"
    return one.fault


def title(one: Try) -> str:
    """A try in words."""
    return f"killed {one}" if isinstance(one, Point) else f"{one.fault}, {one.name}"


def scene_name(one: Try) -> str:
    """What is played in a try, perhaps with other points in other tries."""
    return scene_of(one).name if isinstance(one, Point) else title(one)


def run(tries: Iterable[Try], template: World, folder: Path, at_once: int) -> Iterator[tuple[Try, Outcome]]:
    """Make every try in a clone of the template, a few at a time, and give what came of each as it ends."""
    waiting = list(enumerate(tries))
    running: dict[int, tuple[Try, World]] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            number, one = waiting.pop(0)
            world = template.cloned(folder / f"{number:03}")
            running[_begin(one, world)] = one, world
        ended, _ = os.wait()
        one, world = running.pop(ended)
        result = _read(one, world)
        if result.is_good:
            shutil.rmtree(world.folder)
        yield one, result


def _begin(one: Try, world: World) -> int:
    child = os.fork()
    if child:
        return child
    try:
        with _file(world).open("wb") as file:
            pickle.dump(_make(one)(world), file)
    except BaseException:  # noqa: BLE001  it is printed, and the try counts as none
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)


def _make(one: Try) -> Callable[[World], Outcome]:
    if isinstance(one, Trial):
        return lambda world: endure(one, world)
    return lambda world: kill(scene_of(one), one, world)


def _read(one: Try, world: World) -> Outcome:
    try:
        outcome: Outcome = pickle.loads(_file(world).read_bytes())
    except (OSError, EOFError):
        return Outcome((), broken="the try itself ended before its time")
    return outcome


def _file(world: World) -> Path:
    return world.folder / "outcome"
