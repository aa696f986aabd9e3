"""Cleans PMEM namespaces."""

from nova_accel.cleaning.eraser import SLICE_BYTES, Progress
from nova_accel.exception import CleaningFailed
from nova_accel.host import Host
from nova_accel.model import AttachHandle

_METHOD = "zeros through dax"


class NamespaceEraser:
    """Writes zeros to a namespace's dax device. Root's side refuses one that anything has open or mapped: the tools would not."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def erase_and_verify(self, handle: AttachHandle, progress: Progress) -> str:
        """See :class:`nova_accel.cleaning.eraser.Eraser`."""
        dev, uuid = handle.address, handle.id.identity
        progress(f"erasing ({_METHOD})")
        self._host.zero_namespace(dev, uuid)
        nonzero = self.find_nonzero(handle, progress)
        if nonzero is not None:
            raise CleaningFailed(uuid, f"{_METHOD} reported success, but {nonzero} still holds data")
        return _METHOD

    def find_nonzero(self, handle: AttachHandle, progress: Progress) -> str | None:
        """Read the whole dax device."""
        dev, uuid = handle.address, handle.id.identity
        size_bytes = self._host.namespace_size(dev, uuid)
        for offset_bytes in range(0, size_bytes, SLICE_BYTES):
            found = self._host.namespace_first_nonzero(dev, uuid, offset_bytes, SLICE_BYTES)
            if found >= 0:
                return f"{dev} at byte {found}"
            progress(f"read {min(offset_bytes + SLICE_BYTES, size_bytes)} of {size_bytes} bytes of {dev}")
        return None

    def put_away(self, handle: AttachHandle) -> None:
        """Nothing of the host looks at a dax device by itself."""
