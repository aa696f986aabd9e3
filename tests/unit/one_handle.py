"""One SSD of one server, and a cleaner whose eraser does what the test says."""

import json
from datetime import UTC, datetime

from nova_accel.cleaning.cleaner import Cleaner
from nova_accel.cleaning.eraser import Proof
from nova_accel.cleaning.policy import Policy
from nova_accel.cleaning.record import RecordFile
from nova_accel.exception import CleaningFailed
from nova_accel.ledger.store import Ledger
from nova_accel.model import AttachHandle, HandleKind
from tests.unit.conftest import ssd_handle

A = ssd_handle("SN1")
HANDLE = AttachHandle(A, HandleKind.PCI, "0000:01:00.0", "boot:1")
SERVER = "6f2b1c1e-0000-4000-8000-000000000001"


class Eraser:
    """Does what the test says, one thing for each attempt, and then succeeds."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = []

    def erase_and_verify(self, handle, progress):
        self.calls.append("erase")
        progress("erasing", 0, 100)
        if self.errors:
            raise self.errors.pop(0)
        progress("reading", 100, 100)
        return Proof("format", "read as a whole, all zero")

    def verify(self, handle, progress):
        self.calls.append("verify")
        if self.errors:
            raise self.errors.pop(0)
        return "read as a whole, all zero"

    def find_nonzero(self, handle, progress):
        self.calls.append("find_nonzero")

    def size_bytes(self, handle):
        return 4096

    def put_away(self, handle):
        self.calls.append("put_away")


class Case:
    """The server has it at first."""

    def __init__(self, tmp_path, eraser, **policy):
        self.ledger = Ledger(str(tmp_path / "ledger.sqlite"))
        self.eraser = eraser
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)
        self.lines = tmp_path / "records" / "cleaning.jsonl"
        self.record = RecordFile(str(self.lines))
        self.cleaner = Cleaner(
            {HandleKind.PCI: eraser}, self.ledger, Policy(version="1.2.3", **policy), self.record, lambda: self.now
        )
        self.ledger.add(A, "ssd_SN1", "new")
        self.ledger.found_zero(A)
        self.ledger.claim([A], SERVER)

    def release(self):
        self.ledger.release(SERVER, "Nova deleted it")
        return self

    @property
    def entry(self):
        return self.ledger.entries()[A]

    def records(self):
        return [json.loads(line) for line in self.lines.read_text().splitlines()]


def failed(reason="it is not all zero"):
    return CleaningFailed("SN1", reason)
