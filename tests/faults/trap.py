"""Ends this process by SIGKILL where it was told to: between two steps that must not depend on each other."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.points import Point

SPRUNG = "killed here:"


@dataclass
class Trap:
    """Armed with one point, or with none."""

    armed: Point | None = None
    reached: set[Point] = field(default_factory=set)
    """Every point that was passed since it was made, for the count of what a scenario reaches."""

    def spring(self, point: Point, first: Callable[[], None] | None = None) -> None:
        """End this process if it is the point; nothing runs after this, no handler and no ``finally``.

        :param first: what the kernel or a device has done by then, done only if the process ends now
        """
        self.reached.add(point)
        if point == self.armed:
            if first is not None:
                first()
            os.write(1, f"{SPRUNG} {point}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
