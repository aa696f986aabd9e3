"""Kills a process at one point, starts another over what it left, and says what was found."""

import contextlib
import dataclasses
import importlib
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import os_vif

from tests.faults.acts import booted_and_deleted
from tests.faults.cloud import Cloud
from tests.faults.lives import live
from tests.faults.moments import Trial
from tests.faults.operators import heard
from tests.faults.outcome import Outcome, Word
from tests.faults.points import Point
from tests.faults.scene import Scene
from tests.faults.survival import survive
from tests.faults.trap import SPRUNG
from tests.faults.world import World

_PRELOADED = ("nova", "nova_accel", "os_brick", "placement")
KILLED = -signal.SIGKILL


def kill(scene: Scene, point: Point, world: World) -> Outcome:
    """Play a scene, end it at the point by SIGKILL, and have a new process survive that."""
    return outcome(world, _why_broken(scene, point, world), scene.operator)


def outcome(world: World, broken: str, expected: frozenset[Word]) -> Outcome:
    """Read what the processes noted."""
    return Outcome(tuple(world.findings.all()), tuple(heard(world)), broken, expected)


def _why_broken(scene: Scene, point: Point, world: World) -> str:
    if scene.earlier is not None:
        ended = live(world, "1-earlier", scene.earlier, scene.earlier_ends)
        if ended != (KILLED if scene.earlier_ends else 0):
            return f"the life before ended with {ended}, see {world.log('1-earlier')}"
        scene.between(world)

    def act(cloud: Cloud) -> None:
        if scene.prepare is not None:
            scene.prepare(cloud)
        cloud.trap.armed = dataclasses.replace(point, during="")
        scene.act(cloud)
        print("passed:", *sorted(map(str, cloud.trap.reached)), sep="\n    ")

    ended = live(world, "2-killed", act)
    if ended != KILLED or SPRUNG not in world.log("2-killed").read_text():
        return f"not killed there: the scene '{scene.name}' ended with {ended}, see {world.log('2-killed')}"
    return survived(world, scene)


def endure(trial: Trial, world: World) -> Outcome:
    """Play one trial of a fault that is no kill."""
    broken = ""
    for number, act in enumerate(trial.lives):
        ended = live(world, f"{number}-life", act)
        if ended:
            broken = (
                f"life {number} of '{trial.fault}' {trial.name} ended with {ended}, see {world.log(f'{number}-life')}"
            )
            break
        if number == 0:
            trial.between(world)
    return outcome(world, broken, trial.operator)


def survived(world: World, scene: Scene) -> str:
    """Have a new process go on over the files; why that was not possible, or nothing."""
    ended = live(world, "3-after", lambda cloud: survive(cloud, scene.afterwards))
    return f"the life after ended with {ended}, see {world.log('3-after')}" if ended else ""


def template(folder: Path) -> World:
    """A world with empty databases, to be cloned.

    Nova imports a part of itself only once it runs. What a first life has imported is imported here too, so that no other has to.
    """
    world = World(folder)
    folder.mkdir(parents=True)
    _live_well(world, "template", lambda cloud: None)
    rehearsal = world.cloned(folder.with_name("rehearsal"))
    _live_well(rehearsal, "rehearsal", lambda cloud: _rehearse(cloud, rehearsal))
    # What importing says is not about any try.
    logging.disable()
    os_vif.initialize()
    for name in _imported(rehearsal).read_text().split():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    logging.disable(logging.NOTSET)
    return world


def _live_well(world: World, name: str, act: Callable[[Cloud], None]) -> None:
    if live(world, name, act):
        raise RuntimeError(world.log(name).read_text())


def _rehearse(cloud: Cloud, world: World) -> None:
    booted_and_deleted(cloud)
    names = [name for name in sys.modules if name.partition(".")[0] in _PRELOADED]
    _imported(world).write_text("\n".join(names))


def _imported(world: World) -> Path:
    return world.folder / "imported"
