"""A disk that is really full under the ledger: a limit of the kernel's on the size of what this process may write."""

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId

HANDLES = [HandleId("CUSTOM_SSD", f"SN{number:02}") for number in range(40)]
SERVER = "8c1f3c0e-4b1f-4b06-9a53-1f2f3b0d0a01"

ROOM_FOR_SOME_BYTES = 150_000

CLAIMS = """
import resource, signal, sys
from nova_accel.exception import LedgerError
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
path, server, limit_bytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
ledger = Ledger(path)
for number in range(40):
    try:
        ledger.claim([HandleId("CUSTOM_SSD", f"SN{number:02}")], server)
        print(f"SN{number:02}")
    except LedgerError as error:
        print(error, file=sys.stderr)
"""


def ledger_with_free_handles(path: Path) -> Ledger:
    ledger = Ledger(str(path))
    for handle in HANDLES:
        ledger.add(handle, f"ssd_{handle.identity}", "new")
        ledger.found_zero(handle)
    return ledger


def claim_all(path: Path, limit_bytes: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CLAIMS, str(path), SERVER, str(limit_bytes)], capture_output=True, text=True, check=True
    )


@contextlib.contextmanager
def being_read(path: Path) -> Iterator[None]:
    """While somebody reads, the write-ahead log cannot be put into the file, and grows."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM handle").fetchone()
        yield


def assigned(ledger: Ledger) -> set[str]:
    return {one.handle.identity for one in ledger.entries().values() if one.state is State.ASSIGNED}


def test_on_a_full_disk_a_claim_is_refused_and_only_what_was_said_to_be_claimed_is(tmp_path: Path) -> None:
    ledger = ledger_with_free_handles(tmp_path / "ledger")
    with being_read(tmp_path / "ledger"):
        done = claim_all(tmp_path / "ledger", ROOM_FOR_SOME_BYTES)
    claimed = set(done.stdout.split())
    assert 0 < len(claimed) < len(HANDLES)
    assert "cannot be used" in done.stderr
    assert assigned(ledger) == claimed


def test_once_there_is_room_again_the_rest_can_be_claimed(tmp_path: Path) -> None:
    ledger = ledger_with_free_handles(tmp_path / "ledger")
    with being_read(tmp_path / "ledger"):
        claim_all(tmp_path / "ledger", ROOM_FOR_SOME_BYTES)
    claim_all(tmp_path / "ledger", 100_000_000)
    assert assigned(ledger) == {handle.identity for handle in HANDLES}
