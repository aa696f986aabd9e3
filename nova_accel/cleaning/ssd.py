"""Cleans SSDs."""

from nova_accel.cleaning.choice import choose
from nova_accel.cleaning.eraser import SLICE_BYTES, Progress
from nova_accel.exception import CleaningFailed
from nova_accel.host import Host
from nova_accel.model import AttachHandle
from nova_accel.parsers import nvme


class SsdEraser:
    """Erases an SSD as its controller offers it; afterwards it is free on the kernel's nvme driver, unmarked."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def erase_and_verify(self, handle: AttachHandle, progress: Progress) -> str:
        """See :class:`nova_accel.cleaning.eraser.Eraser`.

        :raises nova_accel.exception.ParseError: when the controller does not say what it can
        """
        address, serial = handle.address, handle.id.identity
        self._host.bring_back(address)
        method = choose(nvme.parse_id_ctrl(self._host.id_ctrl(address, serial)))
        progress(f"erasing ({method.value})")
        self._host.erase(address, serial, method.value)
        nonzero = self.find_nonzero(handle, progress)
        if nonzero is not None:
            raise CleaningFailed(serial, f"{method.value} reported success, but {nonzero} still holds data")
        self._host.settle(address)
        return method.value

    def find_nonzero(self, handle: AttachHandle, progress: Progress) -> str | None:
        """Read every namespace of the controller."""
        address, serial = handle.address, handle.id.identity
        for namespace, size_bytes in sorted(self._host.sizes(address, serial).items()):
            for offset_bytes in range(0, size_bytes, SLICE_BYTES):
                found = self._host.first_nonzero(address, serial, namespace, offset_bytes, SLICE_BYTES)
                if found >= 0:
                    return f"{namespace} at byte {found}"
                progress(f"read {min(offset_bytes + SLICE_BYTES, size_bytes)} of {size_bytes} bytes of {namespace}")
        return None

    def put_away(self, handle: AttachHandle) -> None:
        """Bind it to vfio-pci again, if it is still the one."""
        self._host.hand_over(handle.address, handle.id.identity)
