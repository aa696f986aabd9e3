"""Which servers are being built: Nova answers its user before, and notes a failure before it has given everything back."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

LONGEST_S = 20.0


class Builds:
    """Counts those that were begun and not ended, on all hosts of a test."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._going_on = 0

    def watch(self, manager: Any) -> None:
        """Count those of a compute service from now on."""
        manager.build_and_run_instance = self._begun(manager.build_and_run_instance)
        # Held from a build's first step to its last, in a thread that works on it after the message has been answered.
        manager._build_semaphore = _Ended(manager._build_semaphore, lambda: self._count(-1))

    def wait(self) -> None:
        """Return once there is none."""
        end = time.monotonic() + LONGEST_S
        while self._going_on:
            assert time.monotonic() < end, f"{self._going_on} servers are still being built after {LONGEST_S:g} s"
            time.sleep(0.02)

    def _count(self, number: int) -> None:
        with self._lock:
            self._going_on += number

    def _begun(self, build: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **kwargs: object) -> object:
            self._count(1)
            return build(*args, **kwargs)

        return counted


class _Ended:
    """A semaphore that tells when it is given back."""

    def __init__(self, semaphore: AbstractContextManager[object], ended: Callable[[], None]) -> None:
        self._semaphore = semaphore
        self._ended = ended

    def __enter__(self) -> None:
        self._semaphore.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._semaphore.__exit__(*error)
        self._ended()
