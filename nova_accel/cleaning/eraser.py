"""What cleaning a handle takes, whatever it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from nova_accel.model import AttachHandle

Progress = Callable[[str, int, int], float]
"""Called whenever something was done: with a few words on what is being done, the bytes that are done of it and all of them.

Both numbers are 0 where that is not known. It returns how many seconds are left for all of it, and may raise
:class:`nova_accel.exception.CleaningFailed`, when there is no time left.
"""

SLICE_BYTES = 1024**3


@dataclass(frozen=True)
class Proof:
    """What was done to a device that is clean now, in words for the record."""

    method: str
    """Such as ``format``."""
    verified: str
    """Such as ``read as a whole, all zero``."""


class Eraser(Protocol):
    """Erases handles of one kind and proves it by reading. Each step can be repeated after a crash."""

    def erase_and_verify(self, handle: AttachHandle, progress: Progress) -> Proof:
        """Erase all of it and read it back.

        :raises nova_accel.exception.CleaningFailed: when it is not all zero in the end, or no method fits
        :raises nova_accel.exception.DeviceLost: when it hangs or did not come back
        :raises nova_accel.exception.PrivilegedCallError: when root's side refused or failed: in use, another device, tool failed
        """

    def verify(self, handle: AttachHandle, progress: Progress) -> str:
        """Read back what somebody else has erased; free for the host afterwards, as after :meth:`erase_and_verify`.

        :returns: how it was read, in words
        :raises nova_accel.exception.AccelError: like :meth:`erase_and_verify`
        """

    def find_nonzero(self, handle: AttachHandle, progress: Progress) -> str | None:
        """Read all of it; say where the first data lies, or None when everything is zero. Nothing is written.

        :raises nova_accel.exception.PrivilegedCallError: when root's side refused or failed
        """

    def size_bytes(self, handle: AttachHandle) -> int:
        """How large it is, for the record; right after it was cleaned, so it can be asked.

        :raises nova_accel.exception.PrivilegedCallError: when it cannot be asked
        """

    def put_away(self, handle: AttachHandle) -> None:
        """After a failure: keep what may be a tenant's data out of the host's sight.

        :raises nova_accel.exception.PrivilegedCallError: when that is not possible
        """
