"""The record of each attempt to clean a device, for an auditor: one line of JSON each, on disk before the device is offered again."""

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from nova_accel.exception import AccelError
from nova_accel.ledger.cleanings import CleaningRecord
from nova_accel.ledger.folders import keep_names
from nova_accel.model import AttachHandle

_MODE = 0o640


class RecordNotWritten(AccelError):
    """Without its record a device is not offered again."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"[nova_accel] cleaning_record: {path} cannot be written: {reason}")
        self.path = path
        self.reason = reason


class RecordFile:
    """Appends to one file; safe to use from several threads and processes: who writes a line has it alone meanwhile."""

    def __init__(self, path: str) -> None:
        """Open nothing yet.

        :param path: empty where no record is kept
        """
        self._path = path

    def add(self, handle: AttachHandle, record: CleaningRecord, size_bytes: int | None) -> None:
        """Add a line.

        :param size_bytes: of the device; None where it could not be asked
        :raises RecordNotWritten: when it is not on disk
        """
        if not self._path:
            return
        line = json.dumps(_words(handle, record, size_bytes), sort_keys=False) + "\n"
        try:
            folder = Path(self._path).parent
            grown = [one.parent for one in (folder, *folder.parents) if not one.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            with _opened(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                is_first = _append(file, line.encode())
            if is_first:
                keep_names(folder, *grown)
        except OSError as error:
            raise RecordNotWritten(self._path, error.strerror or str(error)) from error


@contextlib.contextmanager
def _opened(path: str, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, _MODE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _append(file: int, line: bytes) -> bool:
    """Write a line to disk, as a whole or not at all.

    :returns: whether it is the first
    :raises OSError: when it was not taken
    """
    size_bytes = os.fstat(file).st_size
    # Half a line that could not be taken back, of a crash or an older release: this one must not be glued to it.
    line = line if _ends_a_line(file, size_bytes) else b"\n" + line
    try:
        _write(file, line)
        os.fsync(file)
    except OSError:
        with contextlib.suppress(OSError):  # a file that can only be appended to keeps it
            os.ftruncate(file, size_bytes)
        raise
    return size_bytes == 0


def _write(file: int, line: bytes) -> None:
    written = os.write(file, line)
    if written != len(line):  # a full disk takes a part
        raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes were taken")


def _ends_a_line(file: int, size_bytes: int) -> bool:
    return size_bytes == 0 or os.pread(file, 1, size_bytes - 1) == b"\n"


def _words(handle: AttachHandle, record: CleaningRecord, size_bytes: int | None) -> dict[str, object]:
    words = dataclasses.asdict(record)
    return {
        "resource_class": handle.id.resource_class,
        "identity": words.pop("identity"),
        "kind": handle.kind.value,
        "address": handle.address,
        "size_bytes": size_bytes,
        **words,
    }
