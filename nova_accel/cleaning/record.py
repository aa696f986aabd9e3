"""The record of each attempt to clean a device, for an auditor: one line of JSON each, on disk before the device is offered again."""

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from nova_accel.exception import AccelError
from nova_accel.ledger.cleanings import CleaningRecord
from nova_accel.ledger.folders import keep_names
from nova_accel.model import AttachHandle

_MODE = 0o640
_LOCK_S = 30.0
_LOCK_EVERY_S = 0.02


class RecordNotWritten(AccelError):
    """Without its record a device is not offered again."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"[nova_accel] cleaning_record: {path} cannot be written: {reason}")
        self.path = path
        self.reason = reason


class RecordFile:
    """Appends to one file; safe to use from several threads and processes: who writes a line has it alone meanwhile."""

    def __init__(self, path: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """Open nothing yet.

        :param path: empty where no record is kept
        """
        self._path = path
        self._sleep = sleep

    def refuse_if_unwritable(self) -> None:
        """Say what :meth:`add` would most likely say, before a device is erased for a line that nobody can write.

        :raises RecordNotWritten: when the file cannot be opened, made or locked, or nobody may write another byte there
        """
        if self._path:
            with self._opened() as file:
                self._lock(file)
                _refuse_if_full(file)

    def add(self, handle: AttachHandle, record: CleaningRecord, size_bytes: int | None) -> None:
        """Add a line.

        :param size_bytes: of the device; None where it could not be asked
        :raises RecordNotWritten: when it is not on disk
        """
        if not self._path:
            return
        line = json.dumps(_words(handle, record, size_bytes), sort_keys=False) + "\n"
        with self._opened() as file:
            self._lock(file)
            _append(file, line.encode())

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        """The file, made with its folders where there is none; what is new is found there after a power failure."""
        folder = Path(self._path).parent
        try:
            grown = [one.parent for one in (folder, *folder.parents) if not one.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            with _descriptor(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT) as file:
                was_empty = os.fstat(file).st_size == 0
                yield file
            if was_empty:
                keep_names(folder, *grown)
        except OSError as error:
            raise RecordNotWritten(self._path, error.strerror or str(error)) from error

    def _lock(self, file: int) -> None:
        """Have the file alone until it is closed. Whoever else has it locked, such as a log shipper, may hang."""
        for _ in range(round(_LOCK_S / _LOCK_EVERY_S)):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            self._sleep(_LOCK_EVERY_S)
        raise RecordNotWritten(self._path, f"another process has had it locked for {_LOCK_S:g} s")


@contextlib.contextmanager
def _descriptor(path: str, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, _MODE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _refuse_if_full(file: int) -> None:
    room = os.fstatvfs(file)
    if room.f_blocks and not room.f_bavail:  # one without any blocks does not tell
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _append(file: int, line: bytes) -> None:
    """Write a line to disk, as a whole or not at all.

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
