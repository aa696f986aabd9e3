"""Checking, zeroing and reading back a dax device. /dev/zero stands for one: it can be opened and mapped, and reads as zero."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from nova_accel.privsep import dax, namespace, openers, scan, tool
from nova_accel.privsep.errors import Failed, Refused
from tests.unit import devices, nd_tree

UUID = "f1a9c87f-75c0-43eb-83af-719970c099a6"
OTHER_UUID = "cb10e1ac-f1fe-4afe-8a19-33f7e81f3f74"
SIZE_BYTES = 526385152
CHUNK_BYTES = scan.CHUNK_BYTES

DAXIO = """\
#!/bin/sh
{{ echo "$1 $2 $3"; stat -L -c %t:%T "${{4#--output=}}"; }} > {log}
{then}
echo 'daxio: copied {count} bytes to device "/dev/dax0.1"' >&2
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A sysfs with namespace0.1 and a /dev with its device, which is /dev/zero."""
    sysfs = nd_tree.build(tmp_path / "sys")
    (sysfs / "bus/nd/devices/dax0.1/dax0.1/dev").write_text("1:5\n")
    (tmp_path / "dev").mkdir()
    monkeypatch.setattr(dax, "_SYS", sysfs)
    monkeypatch.setattr(dax, "_DEV", tmp_path / "dev")
    devices.node(tmp_path / "dev/dax0.1", 1, 5)
    return tmp_path


@pytest.fixture(autouse=True)
def nobody_uses_dev_zero(monkeypatch):
    # Other processes of the machine may have /dev/zero open; here only the name counts.
    find = openers.find_dax_users
    monkeypatch.setattr(openers, "find_dax_users", lambda wanted: find(dict.fromkeys(wanted)))


def call(function, *arguments):
    # In a thread of its own, because a thread that ran a tool has given up gaining privileges for good.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function.__wrapped__, *arguments).result()


def use_daxio(host, monkeypatch, count=SIZE_BYTES, then=""):
    """Put a program in daxio's place that notes which device it was given."""
    program = host / "bin/daxio"
    program.parent.mkdir()
    program.write_text(DAXIO.format(log=host / "log", count=count, then=then))
    program.chmod(0o755)
    monkeypatch.setitem(tool._ENVIRONMENT, "PATH", f"{program.parent}:/usr/bin:/bin")


def guest(host):
    """A process, not our own child, that has the device mapped and nothing open."""
    path = str(host / "dev/dax0.1")
    code = f"import mmap, os, sys; kept = mmap.mmap(os.open({path!r}, 2), 4096, mmap.MAP_PRIVATE); os.close(3)"
    python = [sys.executable, "-c", f"{code}; print('done', flush=True); sys.stdin.read()"]
    process = subprocess.Popen(["sh", "-c", '"$@"; exit', "sh", *python], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"done\n"
    return process


CALLS = [
    (dax.check_namespace, ()),
    (dax.zero_namespace, (0, CHUNK_BYTES)),
    (dax.namespace_first_nonzero, (0, CHUNK_BYTES)),
]


def test_a_namespace_that_nobody_uses_may_go_to_a_guest(host):
    assert call(dax.check_namespace, "namespace0.1", UUID) == "/dev/dax0.1"


@pytest.mark.parametrize(("function", "arguments"), CALLS)
def test_a_namespace_that_a_guest_has_mapped_is_refused(host, monkeypatch, function, arguments):
    use_daxio(host, monkeypatch)
    with guest(host) as process:
        with pytest.raises(Refused, match=r"python\S* \(process \d+\) has /dev/dax0.1 mapped"):
            call(function, "namespace0.1", UUID, *arguments)
        process.stdin.close()
    assert not (host / "log").exists()


@pytest.mark.parametrize(("function", "arguments"), [*CALLS, (dax.namespace_size, ())])
def test_another_namespace_is_refused(host, monkeypatch, function, arguments):
    use_daxio(host, monkeypatch)
    with pytest.raises(Refused, match=r"namespace0.1 is the namespace with uuid"):
        call(function, "namespace0.1", OTHER_UUID, *arguments)
    assert not (host / "log").exists()


@pytest.mark.parametrize(("function", "arguments"), CALLS)
def test_a_node_of_another_device_is_refused(host, monkeypatch, function, arguments):
    use_daxio(host, monkeypatch)
    (host / "dev/dax0.1").unlink()
    devices.node(host / "dev/dax0.1", 1, 3)
    with pytest.raises(Refused, match=r"/dev/dax0.1 is not the dax device of namespace0.1"):
        call(function, "namespace0.1", UUID, *arguments)
    assert not (host / "log").exists()


@pytest.mark.parametrize(("function", "arguments"), CALLS)
def test_a_missing_node_is_refused_and_not_made(host, monkeypatch, function, arguments):
    use_daxio(host, monkeypatch)
    (host / "dev/dax0.1").unlink()
    with pytest.raises(Refused, match=r"/dev/dax0.1 cannot be opened: No such file"):
        call(function, "namespace0.1", UUID, *arguments)
    assert not (host / "dev/dax0.1").exists()


def test_the_size_is_the_dax_device_s_and_not_the_namespace_s(host):
    assert call(dax.namespace_size, "namespace0.1", UUID) == SIZE_BYTES < 512 * 1024 * 1024


LAST = SIZE_BYTES // CHUNK_BYTES * CHUNK_BYTES
WHOLE = (0, SIZE_BYTES)


@pytest.mark.parametrize(("offset_bytes", "length_bytes"), [WHOLE, (CHUNK_BYTES, 4096), (LAST, SIZE_BYTES - LAST)])
def test_a_part_of_the_checked_device_is_zeroed(host, monkeypatch, offset_bytes, length_bytes):
    use_daxio(host, monkeypatch, count=length_bytes)
    assert call(dax.zero_namespace, "namespace0.1", UUID, offset_bytes, length_bytes) is None
    assert (host / "log").read_text() == f"--zero --seek={offset_bytes} --len={length_bytes}\n1:5\n"


@pytest.mark.parametrize(
    ("offset_bytes", "length_bytes", "words"),
    [
        (4096, 4096, "4096 is not a multiple of 4194304"),
        (-CHUNK_BYTES, CHUNK_BYTES, "-4194304 is not a multiple of"),
        (0, 0, f"0 bytes from 0 are not within {SIZE_BYTES} bytes"),
        (0, SIZE_BYTES + 1, f"{SIZE_BYTES + 1} bytes from 0 are not within {SIZE_BYTES} bytes"),
        (LAST, CHUNK_BYTES, f"4194304 bytes from {LAST} are not within"),
    ],
)
def test_what_is_no_part_of_it_is_refused_and_nothing_written(host, monkeypatch, offset_bytes, length_bytes, words):
    use_daxio(host, monkeypatch)
    with pytest.raises(Refused, match=words):
        call(dax.zero_namespace, "namespace0.1", UUID, offset_bytes, length_bytes)
    assert not (host / "log").exists()


def test_less_than_all_of_it_is_a_failure(host, monkeypatch):
    use_daxio(host, monkeypatch, count=SIZE_BYTES - 4096)
    with pytest.raises(Failed, match=f"daxio wrote {SIZE_BYTES - 4096} of {SIZE_BYTES} bytes"):
        call(dax.zero_namespace, "namespace0.1", UUID, *WHOLE)


def test_a_daxio_that_does_not_say_how_much_it_wrote_is_a_failure(host, monkeypatch):
    use_daxio(host, monkeypatch, then="exit")
    with pytest.raises(Failed, match=f"daxio wrote nobody knows how many of {SIZE_BYTES} bytes"):
        call(dax.zero_namespace, "namespace0.1", UUID, *WHOLE)


def test_a_namespace_that_is_another_one_afterwards_was_not_zeroed(host, monkeypatch):
    use_daxio(host, monkeypatch, then=f"echo {OTHER_UUID} > {host}/sys/bus/nd/devices/namespace0.1/uuid")
    with pytest.raises(Failed, match=rf"namespace0.1 changed meanwhile: .* uuid {OTHER_UUID}, not {UUID}"):
        call(dax.zero_namespace, "namespace0.1", UUID, *WHOLE)


def test_a_namespace_that_was_disabled_and_enabled_meanwhile_was_not_zeroed(host, monkeypatch):
    folder = host / "sys/bus/nd/devices/dax0.1"
    use_daxio(
        host,
        monkeypatch,
        then=f"cp -a {folder}/dax0.1 {host}/new; rm -r {folder}/dax0.1; mv {host}/new {folder}/dax0.1",
    )
    with pytest.raises(Failed, match=r"namespace0.1 was disabled or made again meanwhile"):
        call(dax.zero_namespace, "namespace0.1", UUID, *WHOLE)


@pytest.mark.parametrize(("function", "arguments"), CALLS)
def test_while_it_is_zeroed_nothing_else_is_done_with_it(host, monkeypatch, function, arguments):
    os.mkfifo(host / "go")
    # By the shell itself: a program that it ran before would have the device open as well, for as long as it takes to end.
    use_daxio(host, monkeypatch, then=f": > {host}/ready; read go < {host}/go")
    with ThreadPoolExecutor(1) as pool:
        zeroing = pool.submit(dax.zero_namespace.__wrapped__, "namespace0.1", UUID, *WHOLE)
        until = time.monotonic() + 20
        while not (host / "ready").exists() and time.monotonic() < until:
            time.sleep(0.01)
        try:
            # Neither we nor the tool we started is a user, so this has to be known otherwise.
            assert openers.find_dax_users({"dax0.1": None}) == {}
            with pytest.raises(Refused, match=r"namespace0.1 is being zeroed, read or checked"):
                call(function, "namespace0.1", UUID, *arguments)
        finally:
            (host / "go").write_text("go\n")
        assert zeroing.result() is None
    assert call(dax.check_namespace, "namespace0.1", UUID) == "/dev/dax0.1"


def test_there_is_a_minute_and_time_for_every_byte():
    assert dax._time_to_zero(0) == 60
    assert dax._time_to_zero(64 * 1024**3) == 60 + 1024
    assert dax._time_to_zero(1024**5) < 3600


def test_a_device_of_zeroes_is_read_to_its_end(host):
    sysfs = host / "sys/bus/nd/devices/dax0.1/dax0.1"
    (sysfs / "size").write_text(f"{3 * CHUNK_BYTES // 2}\n")
    for offset_bytes in (0, 2 * CHUNK_BYTES):
        assert call(dax.namespace_first_nonzero, "namespace0.1", UUID, offset_bytes, 1024**3) == -1


@pytest.mark.parametrize(("offset_bytes", "length_bytes"), [(-CHUNK_BYTES, 1), (1, 1), (0, -1)])
def test_a_wrong_range_is_refused(host, offset_bytes, length_bytes):
    with pytest.raises(Refused, match="is not a multiple of"):
        call(dax.namespace_first_nonzero, "namespace0.1", UUID, offset_bytes, length_bytes)


DEVICE = namespace.DaxDevice("namespace0.1", UUID, "dax0.1", 0, 24 * CHUNK_BYTES, 4096, 0)


@pytest.fixture
def image(tmp_path):
    descriptor = os.open(tmp_path / "image", os.O_RDWR | os.O_CREAT)
    os.truncate(descriptor, DEVICE.size_bytes)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("align_bytes", [4096, 2 * 1024**2, 24 * CHUNK_BYTES])
@pytest.mark.parametrize("chunk", [0, 1, 15, 16, 17, 23])
def test_data_is_found_in_the_chunk_where_it_lies(image, chunk, align_bytes):
    os.pwrite(image, b"x", (chunk + 1) * CHUNK_BYTES - 1)
    at = chunk * CHUNK_BYTES
    assert scan.first_nonzero(image, 0, DEVICE.size_bytes, align_bytes) == at
    assert scan.first_nonzero(image, at, at + CHUNK_BYTES, align_bytes) == at


def test_data_outside_of_what_is_asked_for_does_not_count(image):
    for at in (CHUNK_BYTES - 1, 2 * CHUNK_BYTES + 100):
        os.pwrite(image, b"x", at)
    assert scan.first_nonzero(image, CHUNK_BYTES, 2 * CHUNK_BYTES + 100, 4096) == -1
    assert scan.first_nonzero(image, CHUNK_BYTES, 2 * CHUNK_BYTES + 101, 4096) == 2 * CHUNK_BYTES


def test_the_process_that_reads_says_what_it_found(image):
    os.pwrite(image, b"x", 2 * CHUNK_BYTES)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(dax._scanned, DEVICE, image, CHUNK_BYTES, DEVICE.size_bytes).result() == 2 * CHUNK_BYTES


def test_memory_that_cannot_be_read_is_a_failure_and_kills_nobody_else(host):
    # /dev/zero mapped anywhere but at its beginning ends whoever reads there, as a media error does.
    with pytest.raises(Failed, match=r"^/dev/dax0.1 could not be read from byte 4194304 to \d+ .*was ended by SIGBUS$"):
        call(dax.namespace_first_nonzero, "namespace0.1", UUID, CHUNK_BYTES, 1024**3)
