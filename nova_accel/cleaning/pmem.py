"""Cleans PMEM namespaces."""

import random

from nova_accel.cleaning import verification
from nova_accel.cleaning.eraser import Progress, Proof
from nova_accel.exception import CleaningFailed
from nova_accel.host import Host
from nova_accel.model import AttachHandle

_METHOD = "zeros through dax"


class NamespaceEraser:
    """Writes zeros to a namespace's dax device. Root's side refuses one that anything has open or mapped: the tools would not."""

    def __init__(self, host: Host, verify: str, chance: random.Random | None = None) -> None:
        """Touch nothing yet.

        :param verify: of the option ``clean_verify``
        """
        self._host = host
        self._verify = verify
        self._chance = chance or random.SystemRandom()

    def erase_and_verify(self, handle: AttachHandle, progress: Progress) -> Proof:
        """See :class:`nova_accel.cleaning.eraser.Eraser`."""
        self._zero(handle, progress)
        nonzero = self._nonzero(handle, progress, self._verify)
        if nonzero is not None:
            raise CleaningFailed(handle.id.identity, f"{_METHOD} reported success, but {nonzero} still holds data")
        return Proof(_METHOD, verification.in_words(self._verify))

    def verify(self, handle: AttachHandle, progress: Progress) -> str:
        """See :class:`nova_accel.cleaning.eraser.Eraser`."""
        nonzero = self._nonzero(handle, progress, self._verify)
        if nonzero is not None:
            raise CleaningFailed(handle.id.identity, f"it was said to be clean, but {nonzero} still holds data")
        return verification.in_words(self._verify)

    def find_nonzero(self, handle: AttachHandle, progress: Progress) -> str | None:
        """Read the whole dax device."""
        return self._nonzero(handle, progress, verification.WHOLE)

    def size_bytes(self, handle: AttachHandle) -> int:
        """Of the dax device."""
        return self._host.namespace_size(handle.address, handle.id.identity)

    def put_away(self, handle: AttachHandle) -> None:
        """Nothing of the host looks at a dax device by itself."""

    def _zero(self, handle: AttachHandle, progress: Progress) -> None:
        size_bytes = self.size_bytes(handle)
        for part in verification.whole(size_bytes):
            progress(f"erasing ({_METHOD})", part.offset_bytes, size_bytes)
            self._host.zero_namespace(handle.address, handle.id.identity, part.offset_bytes, part.length_bytes)
        progress(f"erasing ({_METHOD})", size_bytes, size_bytes)

    def _nonzero(self, handle: AttachHandle, progress: Progress, how: str) -> str | None:
        """Where the first data lies of what is read."""
        dev, uuid = handle.address, handle.id.identity
        parts = verification.slices(self.size_bytes(handle), how, self._chance)
        total_bytes, done_bytes = sum(part.length_bytes for part in parts), 0
        for part in parts:
            progress("reading", done_bytes, total_bytes)
            found = self._host.namespace_first_nonzero(dev, uuid, part.offset_bytes, part.length_bytes)
            if found >= 0:
                return f"{dev} at byte {found}"
            done_bytes += part.length_bytes
        progress("reading", done_bytes, total_bytes)
        return None
