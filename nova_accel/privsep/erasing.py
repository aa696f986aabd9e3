"""Erases an SSD and reads it back. Both hold it exclusively and check whose it is at that very moment."""

import contextlib
import fcntl
import mmap
import os
import struct

from nova_accel.privsep import acting_pctxt, blocks, controller, tool
from nova_accel.privsep.errors import Failed, Refused

_BLKGETSIZE64 = 0x80081272
_BLKRRPART = 0x125F
_CHUNK_BYTES = 4 * 1024 * 1024
_ZEROES = bytes(_CHUNK_BYTES)
_IDENTIFY_TIMEOUT_S = 30.0
_ERASE_TIMEOUT_S = 3600.0
_READ_TIMEOUT_S = 600.0
_SLACK_S = 30.0

FORMAT = "format"
WRITE_ZEROES = "write-zeroes"


@acting_pctxt.entrypoint_with_timeout(_IDENTIFY_TIMEOUT_S + _SLACK_S)
def id_ctrl(address: str, serial: str) -> str:
    """Standard output of ``nvme id-ctrl -o json`` for the SSD with ``serial`` at ``address``."""
    name = controller.controller(controller.identified(address, serial)).name
    return tool.run(["nvme", "id-ctrl", f"/dev/{name}", "-o", "json"], _IDENTIFY_TIMEOUT_S)


@acting_pctxt.entrypoint_with_timeout(_IDENTIFY_TIMEOUT_S + _SLACK_S)
def sizes(address: str, serial: str) -> dict[str, int]:
    """Size in bytes of each namespace, by block device name."""
    with blocks.exclusive(controller.namespaces(controller.identified(address, serial))) as opened:
        return {name: _size_bytes(descriptor) for name, descriptor in opened.items()}


@acting_pctxt.entrypoint_with_timeout(_ERASE_TIMEOUT_S + _SLACK_S)
def erase(address: str, serial: str, method: str) -> None:
    """Erase every namespace of the SSD with ``serial`` at ``address``.

    :param method: :data:`FORMAT` (NVMe format with user-data erase) or :data:`WRITE_ZEROES`
    :raises Refused: when the host uses it or another SSD is there; nothing was changed
    :raises Failed: when the tool says so, or does not come back within an hour
    """
    names = controller.namespaces(controller.identified(address, serial))
    if not names:
        raise Refused(f"{address} has no namespace")
    controller.refuse_if_written(names)
    with blocks.exclusive(names) as opened:
        for name in names:
            tool.run(_eraser(name, method), _ERASE_TIMEOUT_S)
            # The kernel still knows the partitions that were there; where it cannot forget them now, it will when it binds next.
            with contextlib.suppress(OSError):
                fcntl.ioctl(opened[name], _BLKRRPART)


def _eraser(name: str, method: str) -> list[str]:
    # --force: both tools would otherwise want the device for themselves, which is ours by the exclusive open.
    if method == FORMAT:
        return ["nvme", "format", f"/dev/{name}", "--ses=1", "--force"]
    if method == WRITE_ZEROES:
        return ["blkdiscard", "--zeroout", "--force", f"/dev/{name}"]
    raise Refused(f"{method!r} is not a way to erase an SSD")


@acting_pctxt.entrypoint_with_timeout(_READ_TIMEOUT_S + _SLACK_S)
def first_nonzero(address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int) -> int:
    """Offset of the first 4 MiB chunk with a byte that is not zero, read from the device itself; -1 when all are zero.

    :param namespace: block device name as :func:`sizes` gives it
    :param offset_bytes: where to begin, a multiple of 4 MiB
    :param length_bytes: how much to read; what lies behind the end counts as zero
    """
    names = controller.namespaces(controller.identified(address, serial))
    if namespace not in names:
        raise Refused(f"{address} has no namespace {namespace!r}")
    if offset_bytes < 0 or offset_bytes % _CHUNK_BYTES or length_bytes < 0:
        raise Refused(f"{offset_bytes} is not a multiple of {_CHUNK_BYTES}, or {length_bytes} is no length")
    with blocks.exclusive((namespace,), os.O_RDONLY | os.O_DIRECT) as opened:
        end = min(_size_bytes(opened[namespace]), offset_bytes + length_bytes)
        return _scan(opened[namespace], offset_bytes, end)


def _scan(descriptor: int, offset_bytes: int, end_bytes: int) -> int:
    with mmap.mmap(-1, _CHUNK_BYTES) as buffer:  # page-aligned, as O_DIRECT wants it
        while offset_bytes < end_bytes:
            count = os.preadv(descriptor, [buffer], offset_bytes)
            if count <= 0:
                raise Failed(f"reading stopped at byte {offset_bytes} of {end_bytes}")
            if buffer[:count] != _ZEROES[:count]:
                return offset_bytes
            offset_bytes += count
    return -1


def _size_bytes(descriptor: int) -> int:
    answer = fcntl.ioctl(descriptor, _BLKGETSIZE64, bytes(8))
    size: int = struct.unpack("Q", answer)[0]
    return size
