"""Erases an SSD and reads it back. All hold it exclusively and check whose it is at that very moment."""

import contextlib
import ctypes
import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator

from nova_accel.privsep import acting_pctxt, pinned, tool
from nova_accel.privsep.errors import Failed, Refused

_BLKGETSIZE64 = 0x80081272
_CHUNK_BYTES = 4 * 1024 * 1024
# One block of most SSDs, or several of one with smaller blocks.
_BLOCK_BYTES = 4096
_ZERO = bytes(_BLOCK_BYTES)
_IDENTIFY_TIMEOUT_S = 30.0
_LONGEST_ERASE_S = 24 * 3600.0
_LEAST_FORMAT_S = 30.0
# A format that is not done in time comes back when the kernel has reset the controller, which may take 127.5 s to stop.
_RESET_S = 150.0
_SLICE_TIMEOUT_S = 600.0
_SLACK_S = 30.0

FORMAT = "format"
FORMAT_CRYPTO = "format-crypto"
WRITE_ZEROES = "write-zeroes"
OVERWRITE = "overwrite"

# Called through ctypes it keeps no other thread waiting: several SSDs are read at a time, by threads of one process.
_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

_SECURE_ERASE = {FORMAT: 1, FORMAT_CRYPTO: 2}


@acting_pctxt.entrypoint_with_timeout(_IDENTIFY_TIMEOUT_S + _SLACK_S)
def id_ctrl(address: str, serial: str) -> str:
    """Standard output of ``nvme id-ctrl -o json`` for the SSD with ``serial`` at ``address``."""
    with pinned.character_device(address, serial) as name:
        return tool.run(["nvme", "id-ctrl", f"/dev/{name}", "-o", "json"], _IDENTIFY_TIMEOUT_S)


@acting_pctxt.entrypoint_with_timeout(_IDENTIFY_TIMEOUT_S + _SLACK_S)
def list_ns(address: str, serial: str, allocated: bool) -> str:
    """Standard output of ``nvme list-ns`` for the SSD with ``serial`` at ``address``.

    :param allocated: all namespaces of the NVM subsystem, attached or not, which a controller that manages namespaces knows;
        otherwise those that are attached to this controller
    """
    with pinned.character_device(address, serial) as name:
        return tool.run(_list_ns(name, allocated), _IDENTIFY_TIMEOUT_S)


def _list_ns(name: str, allocated: bool) -> list[str]:
    return ["nvme", "list-ns", f"/dev/{name}", *(["--all"] if allocated else [])]


@acting_pctxt.entrypoint_with_timeout(_IDENTIFY_TIMEOUT_S + _SLACK_S)
def sizes(address: str, serial: str) -> dict[str, int]:
    """Size in bytes of each namespace, by block device name."""
    with pinned.namespaces(address, serial) as opened:
        return {name: _size_bytes(descriptor) for name, descriptor in opened.items()}


@acting_pctxt.entrypoint_with_timeout(_LONGEST_ERASE_S + _RESET_S + _SLACK_S)
def erase(address: str, serial: str, method: str, timeout_s: float) -> None:
    """Erase every namespace of the SSD with ``serial`` at ``address``.

    :param method: :data:`FORMAT` (NVMe format with user-data erase) or :data:`FORMAT_CRYPTO` (with cryptographic erase)
    :param timeout_s: for all of it, in seconds; a day at most, whatever is asked for
    :raises Refused: when the host uses it or another SSD is there; nothing was changed
    :raises Failed: when the tool says so, as after a reset by the kernel, which ends what is not done in time; when there is
        hardly any time left for a namespace
    :raises Lost: when the controller does not come back from that reset
    """
    until = time.monotonic() + _time_limit(timeout_s)
    with pinned.unused(address, serial) as opened:
        for name in opened:
            left_s = until - time.monotonic()
            if left_s < _LEAST_FORMAT_S:
                raise Failed(f"{max(0.0, left_s):.0f} s are left to format {name}, too little to begin")
            tool.run(_format(name, method, left_s), left_s + _RESET_S)


def _time_limit(timeout_s: object) -> float:
    if not isinstance(timeout_s, int | float) or not timeout_s > 0:
        raise Refused(f"{str(timeout_s)[:40]!r} is not a time in seconds to erase an SSD in")
    return min(float(timeout_s), _LONGEST_ERASE_S)


def _format(name: str, method: str, timeout_s: float) -> list[str]:
    if method not in _SECURE_ERASE:
        raise Refused(f"{str(method)[:40]!r} is not a way to erase an SSD in one command")
    # --force: the tool would otherwise want the device for itself, which is ours by the exclusive open. Without a time limit
    # of the command's own, the kernel would reset a controller that takes more than ten minutes. The tool gets a longer one: who
    # is killed within a command does not end before it, and the SSD would be taken for one that hangs.
    limit = f"--timeout={int(timeout_s * 1000)}"
    return ["nvme", "format", f"/dev/{name}", f"--ses={_SECURE_ERASE[method]}", limit, "--force"]


@acting_pctxt.entrypoint_with_timeout(_SLICE_TIMEOUT_S + _SLACK_S)
def zero(address: str, serial: str, namespace: str, method: str, offset_bytes: int, length_bytes: int) -> None:
    """Make a part of a namespace zero, past every cache.

    :param namespace: block device name as :func:`sizes` gives it
    :param method: :data:`WRITE_ZEROES` (by the controller's command, or written by the kernel) or :data:`OVERWRITE` (written as data)
    :param offset_bytes: where to begin, a multiple of 4 MiB
    :param length_bytes: how much; it must not reach beyond the end
    :raises Refused: when the host uses it, another SSD is there or there is no such part; nothing was changed
    :raises Failed: when it could not be written, or not in time
    """
    if method not in (WRITE_ZEROES, OVERWRITE):
        raise Refused(f"{str(method)[:40]!r} is not a way to write zeros to an SSD")
    with pinned.unused(address, serial, os.O_RDWR | os.O_DIRECT) as opened:
        descriptor = _namespace(opened, namespace)
        _refuse_if_outside(_size_bytes(descriptor), offset_bytes, length_bytes)
        if method == WRITE_ZEROES:
            tool.run(_blkdiscard(namespace, offset_bytes, length_bytes), _SLICE_TIMEOUT_S)
        else:
            _overwrite(descriptor, offset_bytes, offset_bytes + length_bytes)
        _flush(descriptor)


def _blkdiscard(name: str, offset_bytes: int, length_bytes: int) -> list[str]:
    part = [f"--offset={offset_bytes}", f"--length={length_bytes}"]
    # --force: see above.
    return ["blkdiscard", "--zeroout", "--force", *part, f"/dev/{name}"]


def _overwrite(descriptor: int, offset_bytes: int, end_bytes: int) -> None:
    until = time.monotonic() + _SLICE_TIMEOUT_S
    # Page-aligned, as O_DIRECT wants it.
    with mmap.mmap(-1, _CHUNK_BYTES) as zeroes, memoryview(zeroes) as view:
        while offset_bytes < end_bytes:
            _expect_time_left(until, "writing", offset_bytes)
            try:
                count = os.pwrite(descriptor, view[: end_bytes - offset_bytes], offset_bytes)
            except OSError as error:
                raise Failed(f"writing stopped at byte {offset_bytes}: {error.strerror}") from error
            if count <= 0:
                raise Failed(f"writing stopped at byte {offset_bytes} of {end_bytes}")
            offset_bytes += count


def _flush(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise Failed(f"what was written did not reach the SSD: {error.strerror}") from error


@acting_pctxt.entrypoint_with_timeout(_SLICE_TIMEOUT_S + _SLACK_S)
def first_nonzero(address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int) -> int:
    """Offset of the first 4 MiB chunk with a byte that is not zero, read from the device itself; -1 when all are zero.

    :param namespace: block device name as :func:`sizes` gives it
    :param offset_bytes: where to begin, a multiple of 4 MiB
    :param length_bytes: how much to read; what lies behind the end counts as zero
    """
    with _readable(address, serial, namespace, offset_bytes, length_bytes) as (descriptor, end_bytes):
        return _scan(descriptor, offset_bytes, end_bytes)


@acting_pctxt.entrypoint_with_timeout(_SLICE_TIMEOUT_S + _SLACK_S)
def first_unlike(address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int) -> int:
    """Offset of the first 4 MiB chunk that is not the namespace's first 4 KiB over and over; -1 when all are.

    An SSD that has erased itself may read as such a pattern; data does not. Everything else is as for :func:`first_nonzero`.
    """
    with _readable(address, serial, namespace, offset_bytes, length_bytes) as (descriptor, end_bytes):
        return _scan(descriptor, offset_bytes, end_bytes, _first_block(descriptor))


@contextlib.contextmanager
def _readable(
    address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int
) -> Iterator[tuple[int, int]]:
    """The descriptor of a namespace and where the part ends."""
    if offset_bytes < 0 or offset_bytes % _CHUNK_BYTES or length_bytes < 0:
        raise Refused(f"{offset_bytes} is not a multiple of {_CHUNK_BYTES}, or {length_bytes} is no length")
    with pinned.namespaces(address, serial, only=(namespace,)) as opened:
        yield opened[namespace], min(_size_bytes(opened[namespace]), offset_bytes + length_bytes)


def _first_block(descriptor: int) -> bytes:
    with mmap.mmap(-1, _BLOCK_BYTES) as buffer:
        try:
            count = os.preadv(descriptor, [buffer], 0)
        except OSError as error:
            raise Failed(f"reading stopped at byte 0: {error.strerror}") from error
        if count < _BLOCK_BYTES:
            raise Failed(f"reading stopped at byte {count} of {_BLOCK_BYTES}")
        return buffer[:]


def _scan(descriptor: int, offset_bytes: int, end_bytes: int, block: bytes = _ZERO) -> int:
    until = time.monotonic() + _SLICE_TIMEOUT_S
    with mmap.mmap(-1, _CHUNK_BYTES) as buffer:  # page-aligned, as O_DIRECT wants it
        while offset_bytes < end_bytes:
            _expect_time_left(until, "reading", offset_bytes)
            try:
                count = os.preadv(descriptor, [buffer], offset_bytes)
            except OSError as error:
                raise Failed(f"reading stopped at byte {offset_bytes}: {error.strerror}") from error
            if count <= 0:
                raise Failed(f"reading stopped at byte {offset_bytes} of {end_bytes}")
            ahead = offset_bytes % _BLOCK_BYTES
            if not _repeats(buffer, count, block[ahead:] + block[:ahead]):
                return offset_bytes
            offset_bytes += count
    return -1


def _repeats(buffer: mmap.mmap, count: int, block: bytes) -> bool:
    """Whether the first ``count`` bytes are the block over and over: they begin with it, and each is as the one a block before."""
    first = min(count, len(block))
    if buffer[:first] != block[:first]:
        return False
    begin = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    return bool(_memcmp(begin, begin + first, count - first) == 0)


def _expect_time_left(until: float, doing: str, offset_bytes: int) -> None:
    if time.monotonic() > until:
        raise Failed(f"{doing} had come to byte {offset_bytes} after {_SLICE_TIMEOUT_S:g} s and was stopped")


def _namespace(opened: dict[str, int], name: str) -> int:
    if name not in opened:
        raise Refused(f"there is no namespace {str(name)[:40]!r}, but {', '.join(opened)}")
    return opened[name]


def _refuse_if_outside(size_bytes: int, offset_bytes: int, length_bytes: int) -> None:
    if offset_bytes < 0 or offset_bytes % _CHUNK_BYTES:
        raise Refused(f"{offset_bytes} is not a multiple of {_CHUNK_BYTES}")
    if length_bytes <= 0 or offset_bytes + length_bytes > size_bytes:
        raise Refused(f"{length_bytes} bytes from {offset_bytes} are not within {size_bytes} bytes")


def _size_bytes(descriptor: int) -> int:
    answer = fcntl.ioctl(descriptor, _BLKGETSIZE64, bytes(8))
    size: int = struct.unpack("Q", answer)[0]
    return size
