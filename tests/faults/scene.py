"""What a scene is: something goes on, and the process in which it does is killed."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults import files
from tests.faults.cloud import Cloud
from tests.faults.outcome import Word
from tests.faults.points import Point
from tests.faults.world import World


@dataclass(frozen=True)
class Scene:
    """A life that may end before the scene, something done to the files, and the life that is killed."""

    name: str
    act: Callable[[Cloud], None]
    """With the trap armed; in a process of its own when there is an earlier life."""
    reaches: tuple[str, ...] = ()
    """For what it is there."""
    prepare: Callable[[Cloud], None] | None = None
    """Before, in the same process."""
    earlier: Callable[[Cloud], None] | None = None
    """Before, in a process that ends where it stands."""
    earlier_ends: Point | None = None
    """Where it is killed."""
    between: Callable[[World], None] = files.nothing
    """What happens to the files after the earlier life."""
    afterwards: Callable[[Cloud], None] | None = None
    """What is done with the server in the life after the kill, before it is deleted."""
    operator: frozenset[Word] = frozenset()
    """What an operator may have to do after it."""
    kills: tuple[tuple[str, str], ...] = ()
    """Where else it is killed: at points for which another scene is there, and which may do other harm here."""
