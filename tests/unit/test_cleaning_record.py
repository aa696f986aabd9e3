"""The record of cleanings holds whole lines, on disk, whatever becomes of the one that is being written."""

import contextlib
import fcntl
import json
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nova_accel.cleaning import record
from nova_accel.cleaning.record import RecordFile, RecordNotWritten
from nova_accel.ledger.cleanings import CleaningRecord
from nova_accel.model import AttachHandle, HandleKind
from tests.unit.conftest import ssd_handle

HANDLE = AttachHandle(ssd_handle("SN1"), HandleKind.PCI, "0000:01:00.0", "boot:1")


def cleaning(result="clean"):
    return CleaningRecord("SN1", "format", "then", "now", "read as a whole, all zero", result, "1.2.3", None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records" / "cleaning.jsonl"


@pytest.fixture
def file(path):
    return RecordFile(str(path))


def results(path):
    return [json.loads(line)["result"] for line in path.read_text().splitlines()]


@contextlib.contextmanager
def room_for(size_bytes):
    """Let no file become larger, which the kernel treats like a disk that is full: what still fits is written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("more_bytes", [0, 1, 100])
def test_a_full_disk_leaves_no_part_of_a_line(file, path, more_bytes):
    file.add(HANDLE, cleaning("first"), 4096)
    before = path.read_bytes()
    with room_for(len(before) + more_bytes), pytest.raises(RecordNotWritten, match="cleaning_record"):
        file.add(HANDLE, cleaning("second"), 4096)
    assert path.read_bytes() == before
    file.add(HANDLE, cleaning("third"), 4096)
    assert results(path) == ["first", "third"]


def test_half_a_line_that_could_not_be_taken_back_spoils_no_other(file, path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")  # as with chattr +a

    file.add(HANDLE, cleaning("first"), 4096)
    monkeypatch.setattr(record.os, "ftruncate", refuse)
    with room_for(path.stat().st_size + 10), pytest.raises(RecordNotWritten, match="only 10 of"):
        file.add(HANDLE, cleaning("second"), 4096)
    file.add(HANDLE, cleaning("third"), 4096)
    lines = path.read_text().splitlines()
    assert len(lines) == 3
    assert [json.loads(lines[number])["result"] for number in (0, 2)] == ["first", "third"]


def test_a_new_file_is_on_disk_with_its_name(file, path, monkeypatch):
    synced = []
    fsync = os.fsync

    def watched(descriptor):
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(record.os, "fsync", watched)
    file.add(HANDLE, cleaning(), 4096)
    assert synced == [str(path), str(path.parent), str(path.parent.parent)]
    file.add(HANDLE, cleaning(), 4096)
    assert synced[3:] == [str(path)]


def test_what_did_not_reach_the_disk_is_not_left_as_if_it_had(file, path, monkeypatch):
    file.add(HANDLE, cleaning("first"), 4096)

    def refuse(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(record.os, "fsync", refuse)
    with pytest.raises(RecordNotWritten, match="Input/output error"):
        file.add(HANDLE, cleaning("second"), 4096)
    assert results(path) == ["first"]


def test_several_can_write_at_a_time(path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: RecordFile(str(path)).add(HANDLE, cleaning(str(number)), 4096), range(200)))
    assert sorted(results(path), key=int) == [str(number) for number in range(200)]


@pytest.fixture
def locked(path):
    """Somebody else has the file locked, as who reads it may."""
    path.parent.mkdir()
    path.touch()
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        yield other


def test_who_has_it_locked_for_ever_is_not_waited_for_for_ever(path, locked):
    slept = []
    with pytest.raises(RecordNotWritten, match="cannot be written: another process has had it locked for 30 s"):
        RecordFile(str(path), slept.append).add(HANDLE, cleaning(), 4096)
    assert sum(slept) == pytest.approx(30.0)
    assert path.read_bytes() == b""


def test_who_has_it_locked_for_a_moment_is_waited_for(path, locked):
    RecordFile(str(path), lambda _: locked.close()).add(HANDLE, cleaning(), 4096)
    assert results(path) == ["clean"]


def test_what_can_be_written_is_made_and_found_after_a_power_failure(file, path, monkeypatch):
    kept = []
    monkeypatch.setattr(record, "keep_names", lambda *folders: kept.extend(folders))
    file.refuse_if_unwritable()
    assert path.read_bytes() == b""
    assert kept == [path.parent, path.parent.parent]


def test_what_has_lines_stays_as_it_is(file, path):
    file.add(HANDLE, cleaning(), 4096)
    before = path.read_bytes()
    file.refuse_if_unwritable()
    assert path.read_bytes() == before


def test_no_record_is_never_refused():
    RecordFile("").refuse_if_unwritable()


def test_what_cannot_be_opened_is_refused_before_anything_is_erased(file, path):
    path.mkdir(parents=True)
    with pytest.raises(RecordNotWritten, match="Is a directory"):
        file.refuse_if_unwritable()


def full(blocks):
    return os.statvfs_result((4096, 4096, blocks, 0, 0, 0, 0, 0, 0, 255))


def test_what_somebody_else_has_locked_is_refused_before_anything_is_erased(path, locked):
    with pytest.raises(RecordNotWritten, match="locked for 30 s"):
        RecordFile(str(path), lambda _: None).refuse_if_unwritable()


def test_a_disk_without_room_is_refused_before_anything_is_erased(file, monkeypatch):
    monkeypatch.setattr(record.os, "fstatvfs", lambda _: full(blocks=1000))
    with pytest.raises(RecordNotWritten, match="No space left on device"):
        file.refuse_if_unwritable()


def test_a_file_system_that_does_not_count_blocks_is_not_taken_for_a_full_one(file, monkeypatch):
    monkeypatch.setattr(record.os, "fstatvfs", lambda _: full(blocks=0))
    file.refuse_if_unwritable()
