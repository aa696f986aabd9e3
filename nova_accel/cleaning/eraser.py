"""What cleaning a handle takes, whatever it is."""

from collections.abc import Callable
from typing import Protocol

from nova_accel.model import AttachHandle

Progress = Callable[[str], None]
"""Called with a few words whenever something was done."""

SLICE_BYTES = 1024**3


class Eraser(Protocol):
    """Erases handles of one kind and proves it by reading. Each step can be repeated after a crash."""

    def erase_and_verify(self, handle: AttachHandle, progress: Progress) -> str:
        """Erase all of it and read all of it back.

        :returns: how it was erased, in a word or two
        :raises nova_accel.exception.CleaningFailed: when it is not all zero in the end
        :raises nova_accel.exception.PrivilegedCallError: when root's side refused or failed: in use, another device, tool failed
        """

    def find_nonzero(self, handle: AttachHandle, progress: Progress) -> str | None:
        """Read all of it; say where the first data lies, or None when everything is zero. Nothing is written.

        :raises nova_accel.exception.PrivilegedCallError: when root's side refused or failed
        """

    def put_away(self, handle: AttachHandle) -> None:
        """After a failure: keep what may be a tenant's data out of the host's sight.

        :raises nova_accel.exception.PrivilegedCallError: when that is not possible
        """
