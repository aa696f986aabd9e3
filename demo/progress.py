"""What a person sees while the story is told: steps with the time they take, tables, sentences."""

from __future__ import annotations

import contextlib
import signal
import time
import types
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class StepTimeout(Exception):
    """A step did not end within its limit."""


class Screen:
    """Writes to the terminal. Where there is none, the lines are the same and nothing moves."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()

    @contextlib.contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Show a step's name with the time that has gone by."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as progress:
            progress.add_task(name)
            yield

    def begin(self, number: int, of: int, name: str) -> None:
        """A step's headline."""
        self.console.print(f"\n[bold cyan]{number}/{of} {name}[/]  [dim]{self._clock()}[/]")

    def end(self, checks: int, seconds: float) -> None:
        """What a step came to."""
        self.console.print(f"[green]✓[/] {checks} checks, {seconds:.1f} s")

    def say(self, text: str) -> None:
        """A sentence; nothing in it is markup."""
        self.console.print(text, markup=False, highlight=False)

    def show(self, what: RenderableType) -> None:
        """A table."""
        self.console.print(what)

    def fail(self, name: str, why: str) -> None:
        """At which step it ended, and why."""
        self.console.print(f"[bold red]✗ failed at the step: {name}[/]")
        self.say(why)

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes}:{seconds:02} since the start"


@contextlib.contextmanager
def limit(name: str, limit_s: float | None) -> Iterator[None]:
    """Raise StepTimeout when the body takes longer, whatever it waits for. None: it has limits of its own."""
    if limit_s is None:
        yield
        return

    def strike(_signal: int, _frame: types.FrameType | None) -> None:
        raise StepTimeout(f"{name}: not done within {limit_s:.0f} s")

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
