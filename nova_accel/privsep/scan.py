"""Looks for data in a dax device. It runs in a process of its own, because a media error, or a namespace that is disabled
meanwhile, kills whoever reads (SIGBUS).
"""

import mmap
import sys

CHUNK_BYTES = 4 * 1024 * 1024
_WINDOW_BYTES = 64 * 1024 * 1024
_ZEROES = bytes(CHUNK_BYTES)


def main() -> None:
    """Take descriptor, first and last offset and the device's alignment as arguments, print what was found."""
    descriptor, offset_bytes, end_bytes, align_bytes = (int(argument) for argument in sys.argv[1:])
    sys.stdout.write(f"{first_nonzero(descriptor, offset_bytes, end_bytes, align_bytes)}\n")


def first_nonzero(descriptor: int, offset_bytes: int, end_bytes: int, align_bytes: int) -> int:
    """Offset of the first 4 MiB chunk with a byte that is not zero; -1 when all are zero.

    :param offset_bytes: where to begin, a multiple of 4 MiB
    :param end_bytes: where to stop, at most the size of the device
    :param align_bytes: a power of two; the kernel maps only whole multiples of it, at multiples of it
    """
    window_bytes = max(_WINDOW_BYTES, align_bytes)
    while offset_bytes < end_bytes:
        begin = offset_bytes - offset_bytes % align_bytes
        length = min(window_bytes, -(-(end_bytes - begin) // align_bytes) * align_bytes)
        stop = min(begin + length, end_bytes)
        with mmap.mmap(descriptor, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=begin) as view:
            for chunk in range(offset_bytes, stop, CHUNK_BYTES):
                content = view[chunk - begin : min(chunk + CHUNK_BYTES, stop) - begin]
                if content != _ZEROES[: len(content)]:
                    return chunk
        offset_bytes = stop
    return -1
