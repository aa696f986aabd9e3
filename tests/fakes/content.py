"""What is on a fake device: its bytes by offset, of which only those are kept that are not zero."""

from nova_accel.exception import PrivilegedCallError

CHUNK_BYTES = 4 * 1024 * 1024
_BLOCK_BYTES = 4096


def zeroed(content: dict[int, bytes], begin: int, end: int) -> dict[int, bytes]:
    """What is left of a device's content when a part of it becomes zero."""
    left = {}
    for at, data in content.items():
        if at < begin:
            left[at] = data[: begin - at]
        if at + len(data) > end:
            left[max(at, end)] = data[max(0, end - at) :]
    return left


def first_nonzero(content: dict[int, bytes], begin: int, end: int) -> int:
    """The first 4 MiB chunk of a part of a device that holds something; -1 when there is none."""
    hits = [
        at + index
        for at, data in content.items()
        for index in range(max(0, begin - at), min(len(data), end - at))
        if data[index]
    ]
    return min(hits) // CHUNK_BYTES * CHUNK_BYTES if hits else -1


def expect_part(call: str, size_bytes: int, offset_bytes: int, length_bytes: int) -> None:
    """Refuse what root's side refuses."""
    if offset_bytes < 0 or offset_bytes % CHUNK_BYTES:
        raise PrivilegedCallError(call, f"{offset_bytes} is not a multiple of {CHUNK_BYTES}")
    if length_bytes <= 0 or offset_bytes + length_bytes > size_bytes:
        raise PrivilegedCallError(call, f"{length_bytes} bytes from {offset_bytes} are not within {size_bytes} bytes")


def first_unlike(content: dict[int, bytes], begin: int, end: int) -> int:
    """The first 4 MiB chunk of a part of a device that does not hold the device's first block over and over; -1 when there is none."""
    block = _part(content, 0, _BLOCK_BYTES)
    if not any(block):
        return first_nonzero(content, begin, end)
    expected = block * (CHUNK_BYTES // len(block))
    parts = ((at, _part(content, at, min(end, at + CHUNK_BYTES))) for at in range(begin, end, CHUNK_BYTES))
    return next((at for at, part in parts if not expected.startswith(part)), -1)


def _part(content: dict[int, bytes], begin: int, end: int) -> bytes:
    part = bytearray(end - begin)
    for at, data in content.items():
        lies = data[max(0, begin - at) : max(0, end - at)]
        part[max(0, at - begin) : max(0, at - begin) + len(lies)] = lies
    return bytes(part)
