"""Writing zeros to a disk and reading it back, on a real block device that stands for an SSD's namespace."""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from nova_accel.privsep import blocks, controller, erasing, pinned, sanitizing, tool
from nova_accel.privsep.errors import Failed, Refused
from tests.unit.devices import loop_device

MIB = 1024**2
SIZE = 4 * MIB  # of the loop device
AT, SERIAL = "0000:01:00.0", "SN1"


def call(function, *arguments):
    # In a thread of its own, because a thread that ran a tool has given up gaining privileges for good.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function.__wrapped__, *arguments).result()


@pytest.fixture
def disk(tmp_path, monkeypatch):
    with loop_device(tmp_path) as disk:
        disk.write_bytes(b"\x5a" * SIZE)
        monkeypatch.setattr(controller, "identified", lambda address, serial: tmp_path)
        monkeypatch.setattr(controller, "namespaces", lambda folder: (disk.name,))
        monkeypatch.setattr(controller, "numbers", lambda folder: {disk.name: disk.stat().st_rdev})
        monkeypatch.setattr(controller, "refuse_if_used", lambda names: None)
        yield disk


@pytest.mark.parametrize("method", ["write-zeroes", "overwrite"])
@pytest.mark.parametrize("length_bytes", [512, MIB, SIZE - 512, SIZE])
def test_a_part_becomes_zero_and_the_rest_stays(disk, method, length_bytes):
    call(erasing.zero, AT, SERIAL, disk.name, method, 0, length_bytes)
    assert disk.read_bytes() == bytes(length_bytes) + b"\x5a" * (SIZE - length_bytes)
    found = 0 if length_bytes < SIZE else -1
    assert call(erasing.first_nonzero, AT, SERIAL, disk.name, 0, SIZE) == found


@pytest.mark.parametrize("block", [b"\xff" * 4096, bytes(4096), b"erased  " * 512])
@pytest.mark.parametrize(("at", "found"), [(None, -1), (0, 0), (SIZE - 1, 0), (4096, 0)])
def test_a_pattern_is_told_from_data(disk, block, at, found):
    disk.write_bytes(block * (SIZE // 4096))
    if at is not None:
        with disk.open("r+b") as device:
            device.seek(at)
            device.write(b"x")
    assert call(erasing.first_unlike, AT, SERIAL, disk.name, 0, SIZE) == found


def test_a_disk_smaller_than_a_block_reads_as_no_pattern(image):
    os.truncate(image, 512)
    with pytest.raises(Failed, match="reading stopped at byte 512 of 4096"):
        erasing._first_block(image)


@pytest.mark.parametrize("odd", [0, 512, 4 * MIB + 1024])
def test_a_part_that_begins_within_a_block_is_compared_from_there(image, odd):
    block = os.urandom(4096)
    os.pwrite(image, block * (10 * MIB // 4096), 0)
    assert erasing._scan(image, odd, 10 * MIB, block) == -1
    os.pwrite(image, b"?", 10 * MIB - 1)
    assert erasing._scan(image, odd, 10 * MIB, block) == odd + (10 * MIB - 1 - odd) // (4 * MIB) * 4 * MIB


@pytest.mark.parametrize(
    "at", [0, 1, 4095, 4096, 4097, 8191, 4 * MIB - 1, 4 * MIB, 5 * MIB, 10 * MIB - 512, 10 * MIB - 1]
)
@pytest.mark.parametrize("block", [bytes(4096), bytes(range(256)) * 16])
def test_a_single_byte_is_found_wherever_it_is(image, block, at):
    os.pwrite(image, block * (10 * MIB // 4096), 0)
    assert erasing._scan(image, 0, 10 * MIB, block) == -1
    os.pwrite(image, bytes([block[at % 4096] ^ 1]), at)
    assert erasing._scan(image, 0, 10 * MIB, block) == at // (4 * MIB) * 4 * MIB


@pytest.mark.parametrize("size_bytes", [512, 4095, 4096, 4097])
def test_the_end_may_be_shorter_than_a_block(image, size_bytes):
    os.ftruncate(image, 0)
    os.ftruncate(image, size_bytes)
    assert erasing._scan(image, 0, size_bytes) == -1
    os.pwrite(image, b"x", size_bytes - 1)
    assert erasing._scan(image, 0, size_bytes) == 0


@pytest.mark.parametrize(
    ("namespace", "method", "offset_bytes", "length_bytes", "words"),
    [
        ("nvme0n9", "overwrite", 0, SIZE, "there is no namespace 'nvme0n9', but loop"),
        (None, "overwrite", 512, 512, "512 is not a multiple of 4194304"),
        (None, "overwrite", -SIZE, SIZE, "-4194304 is not a multiple"),
        (None, "overwrite", 0, 0, "0 bytes from 0 are not within 4194304 bytes"),
        (None, "write-zeroes", 0, SIZE + 512, "4194816 bytes from 0 are not within 4194304 bytes"),
        (None, "write-zeroes", SIZE, 512, "512 bytes from 4194304 are not within"),
        (None, "format", 0, SIZE, "'format' is not a way to write zeros"),
    ],
)
def test_what_is_not_a_part_of_it_is_refused_and_nothing_written(
    disk, namespace, method, offset_bytes, length_bytes, words
):
    with pytest.raises(Refused, match=words):
        call(erasing.zero, AT, SERIAL, namespace or disk.name, method, offset_bytes, length_bytes)
    assert disk.read_bytes() == b"\x5a" * SIZE


def test_a_disk_that_somebody_holds_is_neither_erased_nor_sanitized(disk, monkeypatch):
    monkeypatch.setattr(tool, "run", lambda argv, timeout_s: pytest.fail(f"{argv} was run"))
    with blocks.exclusive([disk.name]):
        for function, arguments in (
            (erasing.zero, (disk.name, "overwrite", 0, SIZE)),
            (erasing.erase, ("format", 60.0)),
            (sanitizing.sanitize, ("sanitize-block",)),
        ):
            with pytest.raises(Refused, match=f"/dev/{disk.name} is in use by this host"):
                call(function, AT, SERIAL, *arguments)
    assert disk.read_bytes() == b"\x5a" * SIZE


def test_a_sanitize_asks_twice_who_else_is_there_and_then_begins(disk, monkeypatch):
    asked = []
    monkeypatch.setattr(pinned, "character_device", lambda address, serial: contextlib.nullcontext("nvme0"))
    monkeypatch.setattr(controller, "refuse_if_not_alone", lambda folder, names: asked.append(names))
    monkeypatch.setattr(tool, "run", lambda argv, timeout_s: asked.append(argv[1:]) or '{"cmic": 0}')
    call(sanitizing.sanitize, AT, SERIAL, "sanitize-block")
    assert asked == [
        (disk.name,),
        ["id-ctrl", "/dev/nvme0", "-o", "json"],
        ["sanitize", "/dev/nvme0", "--sanact=2"],
    ]


def test_the_time_limit_of_a_format_is_one_for_all_namespaces(disk, monkeypatch):
    limits = []
    clock = iter([0.0, 100.0])
    monkeypatch.setattr(erasing.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(tool, "run", lambda argv, timeout_s: limits.append(argv[-2]))
    erasing.erase.__wrapped__(AT, SERIAL, "format", 7200.0)
    assert limits == ["--timeout=7100000"]


def test_a_format_is_ended_by_the_kernel_long_before_the_tool_is_killed(disk, monkeypatch):
    slowest_s = 255 * 0.5  # to stop a controller: the field CAP.TO has eight bits of half a second each
    limits = []
    monkeypatch.setattr(tool, "run", lambda argv, timeout_s: limits.append((argv[-2], timeout_s)))
    erasing.erase.__wrapped__(AT, SERIAL, "format", 7200.0)
    [(of_command, of_tool_s)] = limits
    assert of_tool_s > int(of_command.removeprefix("--timeout=")) / 1000 + slowest_s + 1


@pytest.mark.parametrize(("passed_s", "left_s"), [(7171.0, 29), (7200.0, 0), (8000.0, 0)])
def test_a_format_that_hardly_any_time_is_left_for_is_not_begun(disk, monkeypatch, passed_s, left_s):
    clock = iter([0.0, passed_s])
    monkeypatch.setattr(erasing.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(tool, "run", lambda argv, timeout_s: pytest.fail(f"{argv} was run"))
    with pytest.raises(Failed, match=f"^{left_s} s are left to format {disk.name}, too little to begin$"):
        erasing.erase.__wrapped__(AT, SERIAL, "format", 7200.0)


@pytest.mark.parametrize("asked", [25 * 3600, float("inf")])
def test_a_format_gets_a_day_at_most(disk, monkeypatch, asked):
    limits = []
    monkeypatch.setattr(erasing.time, "monotonic", lambda: 0.0)
    monkeypatch.setattr(tool, "run", lambda argv, timeout_s: limits.append((argv[-2], timeout_s)))
    erasing.erase.__wrapped__(AT, SERIAL, "format", asked)
    assert limits == [("--timeout=86400000", 86400.0 + erasing._RESET_S)]


@pytest.mark.parametrize("asked", [0, -1, float("nan"), "3600", None])
def test_what_is_no_time_limit_is_refused(disk, monkeypatch, asked):
    monkeypatch.setattr(tool, "run", lambda argv, timeout_s: pytest.fail(f"{argv} was run"))
    with pytest.raises(Refused, match="is not a time in seconds"):
        erasing.erase.__wrapped__(AT, SERIAL, "format", asked)


@pytest.fixture
def image(tmp_path):
    descriptor = os.open(tmp_path / "image", os.O_RDWR | os.O_CREAT)
    os.pwrite(descriptor, b"\x5a" * 10 * MIB, 0)
    yield descriptor
    os.close(descriptor)


def test_overwriting_ends_where_it_was_told_to(image):
    erasing._overwrite(image, 4 * MIB, 9 * MIB + 512)
    content = os.pread(image, 20 * MIB, 0)
    assert content == b"\x5a" * 4 * MIB + bytes(5 * MIB + 512) + b"\x5a" * (MIB - 512)


@pytest.mark.parametrize("work", [erasing._overwrite, erasing._scan])
def test_what_takes_too_long_is_stopped_with_a_sentence(image, monkeypatch, work):
    monkeypatch.setattr(erasing, "_SLICE_TIMEOUT_S", -1.0)
    with pytest.raises(Failed, match=r"(writing|reading) had come to byte 0 after -1 s and was stopped"):
        work(image, 0, 4 * MIB)


@pytest.mark.parametrize("work", [erasing._overwrite, erasing._scan])
def test_a_disk_that_does_not_take_or_give_it_is_a_failure_with_a_sentence(work):
    # A pipe cannot be written or read at an offset.
    ends = os.pipe()
    try:
        with pytest.raises(Failed, match=r"(writing|reading) stopped at byte 0: Illegal seek"):
            work(ends[1], 0, 4 * MIB)
        with pytest.raises(Failed, match="what was written did not reach the SSD: Invalid argument"):
            erasing._flush(ends[1])
    finally:
        for end in ends:
            os.close(end)
