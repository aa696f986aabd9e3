"""Runs cleaning beside everything else: a delete, a look at the host and another device's cleaning do not wait for it."""

import threading
from collections.abc import Callable

from nova_accel.model import HandleId


class Cleanings:
    """Cleans handles in threads of their own, each one once at a time, a few at once."""

    def __init__(
        self,
        settle: Callable[[HandleId], bool],
        became_available: Callable[[], None],
        background: Callable[[Callable[[], None]], None],
        at_once: int,
        device: Callable[[HandleId], str] = str,
    ) -> None:
        """Run nothing yet.

        :param settle: cleans or reads a handle; whether it became available
        :param became_available: told, with no lock held, when one did
        :param background: runs what it is given without keeping the caller waiting
        :param at_once: how many are worked on at the same time
        :param device: names the hardware that a handle is part of: of each only one handle is worked on at a time
        """
        self._settle = settle
        self._became_available = became_available
        self._background = background
        self._slots = threading.Semaphore(at_once)
        self._device = device
        self._devices: dict[str, threading.Lock] = {}
        self._under_way: set[HandleId] = set()
        self._guard = threading.Lock()

    def begin(self, handle: HandleId) -> None:
        """Have a handle cleaned or read; nothing when that is under way already."""
        with self._guard:
            if handle in self._under_way:
                return
            self._under_way.add(handle)
        self._background(lambda: self._run(handle))

    def _alone(self, handle: HandleId) -> threading.Lock:
        with self._guard:
            return self._devices.setdefault(self._device(handle), threading.Lock())

    def _run(self, handle: HandleId) -> None:
        try:
            with self._alone(handle), self._slots:
                available = self._settle(handle)
        finally:
            with self._guard:
                self._under_way.discard(handle)
        if available:
            self._became_available()
