"""The record of each attempt to clean a device, for an auditor: one line of JSON each, on disk before the device is offered again."""

import dataclasses
import json
import os
from pathlib import Path

from nova_accel.exception import AccelError
from nova_accel.ledger.cleanings import CleaningRecord
from nova_accel.model import AttachHandle

_MODE = 0o640


class RecordNotWritten(AccelError):
    """Without its record a device is not offered again."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"[nova_accel] cleaning_record: {path} cannot be written: {reason}")
        self.path = path
        self.reason = reason


class RecordFile:
    """Appends to one file; safe to use from several threads and processes, because each line is one write."""

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
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
            try:
                _write(descriptor, line.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise RecordNotWritten(self._path, error.strerror or str(error)) from error


def _write(descriptor: int, line: bytes) -> None:
    written = os.write(descriptor, line)
    if written != len(line):
        # A full disk takes a part; the next line must not be glued to it.
        os.write(descriptor, b"\n")
        raise OSError(f"only {written} of {len(line)} bytes were taken")


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
