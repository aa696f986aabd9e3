"""The fake host, kept in a file at each change, so that it outlives whoever used it; with a trap around each call."""

import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fakes.host import FakeHost, FakeSsd
from tests.fakes.pmem import FakeNamespace
from tests.faults import points
from tests.faults.points import AFTER, BEFORE, MIDDLE, Point
from tests.faults.trap import Trap

_CALLS = frozenset(points.calls())
_ERASING = frozenset({"erase", "zero", "sanitize", "zero_namespace"})

SABOTAGED = False
"""Whether no device of any machine is erased, and each is read as zero: to show that this would be noticed."""
_READING = frozenset({"first_nonzero", "namespace_first_nonzero"})


class TrappedHost(FakeHost):
    """A fake host whose binding can be left half done: the old driver has let go, the new one has not begun."""

    between_drivers: Callable[[], None] | None = None

    def _unbind(self, ssd: FakeSsd) -> None:
        super()._unbind(ssd)
        if self.between_drivers is not None:
            ssd.bound_to = None
            self.between_drivers()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "between_drivers"}


class KeptHost:
    """One machine, the same for every process that opens its file. Implements :class:`nova_accel.host.Host`."""

    def __init__(self, inner: TrappedHost, file: Path, trap: Trap, watch: Callable[[str, str], None]) -> None:
        """Keep it from now on.

        :param watch: told of each call that erases, and of the device's identity, before it is done
        """
        self.inner = inner
        self.broken: dict[str, Callable[[], None]] = {}
        """What is done before a call, by its name; usually it raises."""
        self._file = file
        self._trap = trap
        self._watch = watch
        self._keeping = threading.Lock()
        self.keep()

    @classmethod
    def opened(cls, file: Path, trap: Trap, watch: Callable[[str, str], None]) -> "KeptHost":
        """The machine as it was last kept."""
        return cls(pickle.loads(file.read_bytes()), file, trap, watch)

    def keep(self) -> None:
        """Write the machine down, all of it or nothing."""
        other = self._file.with_suffix(f".{os.getpid()}")
        with self._keeping:
            other.write_bytes(pickle.dumps(self.inner))
            other.replace(self._file)

    def devices(self) -> dict[str, FakeSsd | FakeNamespace]:
        """Everything that a guest could get, by identity."""
        found: dict[str, FakeSsd | FakeNamespace] = {one.serial: one for one in self.inner.ssds.values()}
        return found | {one.uuid: one for one in self.inner.pmem.namespaces.values()}

    def at(self, place: str) -> str | None:
        """The identity of what a domain's XML names: a PCI address or a path; None when nothing of ours is there."""
        ssd = self.inner.ssds.get(place)
        if ssd is not None:
            return ssd.serial
        name = place.rpartition("/")[2]
        return next((one.uuid for one in self.inner.pmem.namespaces.values() if name in (one.uuid, one.chardev)), None)

    def write(self, identity: str, text: str) -> None:
        """Have a guest write something at both ends of a device."""
        device = self.devices()[identity]
        device.content = {0: text.encode(), device.size_bytes - 4096: text.encode()}
        self.keep()

    def mend(self) -> None:
        """The host lets go of its SSDs, and everything can be erased again."""
        for address in self.inner.ssds:
            self.inner.mount(address, "")
        for device in self.devices().values():
            device.erases = True
        self.keep()

    def read(self, identity: str) -> set[str]:
        """Who has written what is on a device."""
        return {data.decode() for data in self.devices()[identity].content.values() if any(data)}

    def is_as_written(self, identity: str, text: str) -> bool:
        """Whether what somebody wrote is still there, at both ends."""
        return list(self.devices()[identity].content.values()) == [text.encode()] * 2

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        return (lambda *args: self._called(name, found, args)) if name in _CALLS else found

    def _called(self, name: str, call: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        if name in self.broken:
            self.broken[name]()
        self._trap.spring(Point(name, BEFORE))
        if name in _ERASING:
            self._watch(name, str(args[1]))
            self._trap.spring(Point(name, MIDDLE), lambda: self._half_erased(str(args[1])))
        elif name in points.WITH_A_MIDDLE:
            self.inner.between_drivers = lambda: self._trap.spring(Point(name, MIDDLE), self.keep)
        try:
            answer = self._lied(name) if SABOTAGED and name in _ERASING | _READING else call(*args)
        finally:
            self.inner.between_drivers = None
        self.keep()
        self._trap.spring(Point(name, AFTER))
        return answer

    @staticmethod
    def _lied(name: str) -> int | None:
        return -1 if name in _READING else None

    def _half_erased(self, identity: str) -> None:
        content = self.devices()[identity].content
        for offset_bytes in sorted(content)[: len(content) // 2]:
            del content[offset_bytes]
        self.keep()
