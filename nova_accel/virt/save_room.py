"""Whether libvirt has room to save a guest with persistent memory, all of which is saved with it."""

import contextlib
import os
import threading
from collections.abc import Iterator

from nova_accel.exception import AccelError
from nova_accel.facts.roots import Roots
from nova_accel.parsers import mountinfo

_MIB = 1 << 20
_LEFT_BYTES = 256 * _MIB
"""The state of the guest's devices, and not quite filling a disk that others write to."""


class NoRoom(AccelError):
    """A guest is not saved, because that might fill the disk."""


class SaveRoom:
    """The room in libvirt's folder of saved guests, for all that are saved at the same time."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._lock = threading.Lock()
        self._promised_bytes = 0

    @contextlib.contextmanager
    def promised(self, needed_bytes: int) -> Iterator[None]:
        """Keep room for a guest while it is being saved.

        :param needed_bytes: as much as it takes if no page of it is empty
        :raises NoRoom: when there is less, or nobody can tell
        """
        with self._lock:
            free = self._free_bytes()
            if free < needed_bytes + self._promised_bytes + _LEFT_BYTES:
                raise NoRoom(self._words(free, needed_bytes))
            self._promised_bytes += needed_bytes
        try:
            yield
        finally:
            with self._lock:
                self._promised_bytes -= needed_bytes

    def _free_bytes(self) -> int:
        # The folder is libvirt's own: nova-compute's user may not see it, but sees the file system that it is on.
        for place in (self._roots.saved, *self._roots.saved.parents):
            try:
                found = os.statvfs(place)
            except (PermissionError, FileNotFoundError) as error:
                if str(place) in self._mount_points():
                    raise NoRoom(f"nobody can tell how much room {place} has: {error.strerror}") from error
                continue
            return found.f_bavail * found.f_frsize
        raise NoRoom(f"nobody can tell how much room {self._roots.saved} has")

    def _mount_points(self) -> frozenset[str]:
        text = self._roots.read(self._roots.proc / "self/mountinfo") or ""
        return frozenset(one.mount_point for one in mountinfo.parse(text).records)

    def _words(self, free_bytes: int, needed_bytes: int) -> str:
        others = f", other servers that are being saved {_mib(self._promised_bytes)}" if self._promised_bytes else ""
        return (
            f"saving it with its persistent memory may take {_mib(needed_bytes)}{others}, and {self._roots.saved} has "
            f"{_mib(free_bytes)}, of which {_mib(_LEFT_BYTES)} stay free"
        )


def _mib(size_bytes: int) -> str:
    return f"{size_bytes // _MIB} MiB"
