"""Kills a process at one point, starts another over what it left, and says what was found."""

import signal
from dataclasses import dataclass
from pathlib import Path

from tests.faults.cloud import Cloud
from tests.faults.findings import Rule
from tests.faults.lives import live
from tests.faults.points import Point
from tests.faults.scenes import Scene
from tests.faults.survival import survive
from tests.faults.world import World

KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Outcome:
    """What came of one try."""

    fault: str
    found: tuple[tuple[Rule, str], ...]
    operator_spoke: bool
    broken: str = ""
    """Why this try says nothing: the point was not reached, or the test itself failed."""

    @property
    def is_good(self) -> bool:
        return not self.found and not self.broken


def kill(scene: Scene, point: Point, world: World) -> Outcome:
    """Play a scene, end it at the point by SIGKILL, and have a new process survive that."""
    return outcome(str(point), world, _why_broken(scene, point, world))


def outcome(fault: str, world: World, broken: str) -> Outcome:
    """Read what the processes noted."""
    return Outcome(fault, tuple(world.findings.all()), world.operator_spoke, broken)


def _why_broken(scene: Scene, point: Point, world: World) -> str:
    if scene.earlier is not None:
        ended = live(world, "1-earlier", scene.earlier, scene.earlier_ends)
        if ended != (KILLED if scene.earlier_ends else 0):
            return f"the life before ended with {ended}, see {world.log('1-earlier')}"
        scene.between(world)

    def act(cloud: Cloud) -> None:
        if scene.prepare is not None:
            scene.prepare(cloud)
        cloud.trap.armed = point
        scene.act(cloud)

    ended = live(world, "2-killed", act)
    if ended != KILLED:
        return f"not killed there: the scene '{scene.name}' ended with {ended}, see {world.log('2-killed')}"
    return survived(world)


def survived(world: World) -> str:
    """Have a new process go on over the files; why that was not possible, or nothing."""
    ended = live(world, "3-after", survive)
    return f"the life after ended with {ended}, see {world.log('3-after')}" if ended else ""


def template(folder: Path) -> World:
    """A world with empty databases, to be cloned."""
    world = World(folder)
    folder.mkdir(parents=True)
    ended = live(world, "0-template", lambda cloud: None)
    if ended:
        raise RuntimeError(world.log("0-template").read_text())
    return world
