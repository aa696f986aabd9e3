"""The wall clock of everything of ours, which the laws may set."""

import sys
import time
from datetime import datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any

_OURS = "nova_accel."


class Clock:
    """As long as it is installed, our modules' wall clock is ahead of the real one by ``ahead``."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self._before: list[tuple[Any, str, Any]] = []

    def install(self) -> None:
        """Put it into every module of ours that asks for the time."""
        stands_for = {id(datetime): self._datetime(), id(time): self._time()}
        for module in [one for name, one in sys.modules.items() if name.startswith(_OURS)]:
            for name, value in list(vars(module).items()):
                if id(value) in stands_for:
                    self._before.append((module, name, value))
                    setattr(module, name, stands_for[id(value)])

    def remove(self) -> None:
        """Put back what was there."""
        while self._before:
            module, name, value = self._before.pop()
            setattr(module, name, value)

    def _datetime(self) -> type[datetime]:
        clock = self

        class Ahead(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> "Ahead":
                return cls.fromtimestamp((datetime.now(tz) + clock.ahead).timestamp(), tz)

        return Ahead

    def _time(self) -> Any:
        return SimpleNamespace(**{**vars(time), "time": lambda: time.time() + self.ahead.total_seconds()})
