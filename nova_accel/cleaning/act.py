"""Erases one SSD and proves it by reading the whole of it back."""

from collections.abc import Callable

from nova_accel.cleaning.choice import Method, choose
from nova_accel.exception import CleaningFailed
from nova_accel.host import Host
from nova_accel.parsers import nvme

_SLICE_BYTES = 1024**3

Progress = Callable[[str], None]


def erase_and_verify(host: Host, address: str, serial: str, progress: Progress) -> Method:
    """Erase the SSD with ``serial`` at ``address`` and read all of it back.

    Afterwards it is free on the kernel's nvme driver, unmarked. Every step can be repeated after a crash.

    :param progress: called with a few words whenever something was done
    :returns: how it was erased
    :raises CleaningFailed: when it is not all zero in the end
    :raises nova_accel.exception.PrivilegedCallError: when root's side refused or failed: in use, another SSD, tool failed
    :raises nova_accel.exception.ParseError: when the controller does not say what it can
    """
    host.bring_back(address)
    method = choose(nvme.parse_id_ctrl(host.id_ctrl(address, serial)))
    progress(f"erasing ({method.value})")
    host.erase(address, serial, method.value)
    nonzero = find_nonzero(host, address, serial, progress)
    if nonzero is not None:
        raise CleaningFailed(serial, f"{method.value} reported success, but {nonzero} still holds data")
    host.settle(address)
    return method


def find_nonzero(host: Host, address: str, serial: str, progress: Progress) -> str | None:
    """Read every namespace; say where the first data lies, or None when everything is zero."""
    for namespace, size_bytes in sorted(host.sizes(address, serial).items()):
        for offset_bytes in range(0, size_bytes, _SLICE_BYTES):
            found = host.first_nonzero(address, serial, namespace, offset_bytes, _SLICE_BYTES)
            if found >= 0:
                return f"{namespace} at byte {found}"
            progress(f"read {min(offset_bytes + _SLICE_BYTES, size_bytes)} of {size_bytes} bytes of {namespace}")
    return None
