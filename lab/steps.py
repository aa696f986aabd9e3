"""Named steps with a time limit each, and the table of how long they took."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


class StepTimeout(Exception):
    """A step did not end within its limit."""

    def __init__(self, step: str, limit_s: float) -> None:
        super().__init__(f"'{step}' did not end within {limit_s:.0f} s")
        self.step = step
        self.limit_s = limit_s


@dataclasses.dataclass(frozen=True)
class Step:
    """One finished step."""

    name: str
    seconds: float
    outcome: str


@dataclasses.dataclass
class Steps:
    """Runs steps one after another in the main thread and remembers them.

    The limit is an interval timer: it holds whatever the step waits for. ``on_timeout``
    runs once when a limit strikes, before the exception leaves the step.
    """

    on_timeout: Callable[[], None] | None = None
    patience: float = dataclasses.field(default_factory=lambda: float(os.environ.get("NOVA_ACCEL_LAB_PATIENCE", "1")))
    """How many times longer than its limit says each step may take: for a machine that others work on as well."""
    done: list[Step] = dataclasses.field(default_factory=list)
    began: float = dataclasses.field(default_factory=time.monotonic)

    @contextlib.contextmanager
    def step(self, name: str, limit_s: float) -> Iterator[None]:
        """Run the body as the step ``name``; raise StepTimeout after ``limit_s`` seconds, times the patience."""

        limit_s *= self.patience

        def strike(_signal: int, _frame: types.FrameType | None) -> None:
            raise StepTimeout(name, limit_s)

        say(f"[{time.monotonic() - self.began:6.1f} s] {name} ...")
        before = signal.signal(signal.SIGALRM, strike)
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        start = time.monotonic()
        outcome = "failed"
        try:
            yield
            outcome = "ok"
        except StepTimeout:
            outcome = "timed out"
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._timed_out()
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            self.done.append(Step(name, time.monotonic() - start, outcome))

    def _timed_out(self) -> None:
        if self.on_timeout is not None:
            with contextlib.suppress(Exception):
                self.on_timeout()

    def table(self) -> str:
        """The steps so far with their seconds, one per line."""
        width = max((len(step.name) for step in self.done), default=4)
        lines = [f"{'step':<{width}}  {'seconds':>8}  outcome"]
        lines += [f"{step.name:<{width}}  {step.seconds:8.1f}  {step.outcome}" for step in self.done]
        lines.append(f"{'whole run':<{width}}  {time.monotonic() - self.began:8.1f}")
        return "\n".join(lines)


def wait_for(probe: Callable[[], T | None], every_s: float = 0.5, alive: Callable[[], None] | None = None) -> T:
    """Call ``probe`` until it returns something true; the step's limit ends the waiting.

    :param alive: called before each try; raises when waiting has become pointless
    """
    while True:
        if alive is not None:
            alive()
        found = probe()
        if found:
            return found
        time.sleep(every_s)


def say(line: str) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
