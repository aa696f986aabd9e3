"""Who has a device open or mapped, shown with real processes. /dev/zero stands for a dax device: it can be opened and mapped too."""

import contextlib
import json
import mmap
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nova_accel.privsep import acting_pctxt, openers, processes, remote
from tests.unit import devices

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason=devices.NEEDS_ROOT)

ZERO = os.makedev(1, 5)
OPEN = "os.open({path!r}, os.O_RDONLY)"
MAP = "kept = mmap.mmap(os.open({path!r}, os.O_RDWR), 4096, mmap.MAP_PRIVATE); os.close(3)"
WHO = r"python\S* \(process \d+\)"


@pytest.fixture
def node(tmp_path):
    return devices.node(tmp_path / "dax9.9", 1, 5)


@pytest.fixture
def loop_device(tmp_path):
    with devices.loop_device(tmp_path) as disk:
        yield disk


@contextlib.contextmanager
def process(what, path, *, started_by_us=False):
    """A process that has done something with a path; unless told otherwise it is not our child but its child's."""
    code = f"import mmap, os, sys; {what.format(path=str(path))}; print('done', flush=True); sys.stdin.read()"
    python = [sys.executable, "-c", code]
    argv = python if started_by_us else ["sh", "-c", '"$@"; exit', "sh", *python]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout.readline() == b"done\n"
        yield started
        started.stdin.close()


@pytest.mark.parametrize(("what", "how"), [(OPEN, "open"), (MAP, "mapped")])
@pytest.mark.parametrize("number", [ZERO, None], ids=["by number or name", "by name"])
def test_a_process_that_has_a_dax_device_is_found(node, what, how, number):
    with process(what, node):
        found = openers.find_dax_users({"dax9.9": number, "dax9.8": os.makedev(250, 0)})
    assert list(found) == ["dax9.9"]
    assert re.fullmatch(rf"{WHO} has /dev/dax9.9 {how}", found["dax9.9"])


def test_a_mapping_outlives_descriptor_and_device(node):
    with process(MAP, node):
        node.unlink()
        found = openers.find_dax_users({"dax9.9": None})
    assert re.fullmatch(rf"{WHO} has the former /dev/dax9.9 mapped", found["dax9.9"])


@pytest.mark.parametrize(("what", "how"), [(OPEN, "open"), (MAP, "mapped")])
def test_a_device_under_another_name_is_found_by_its_number(what, how):
    with process(what, "/dev/zero"):
        found = openers.find_dax_users({"dax9.9": ZERO})
    assert re.fullmatch(rf".* \(process \d+\) has /dev/dax9.9 {how}", found["dax9.9"])


@pytest.mark.parametrize("what", [OPEN, MAP])
def test_a_file_that_only_has_the_name_does_not_count(tmp_path, what):
    (tmp_path / "dax9.9").write_bytes(bytes(4096))
    with process(what, tmp_path / "dax9.9"):
        assert openers.find_dax_users({"dax9.9": ZERO + 1}) == {}


@pytest.mark.parametrize("name", ["dax9.99", "dax9.9.bak", "xdax9.9"])
def test_a_name_that_is_only_alike_does_not_count(node, name):
    other = node.rename(node.with_name(name))
    with process(MAP, other):
        assert openers.find_dax_users({"dax9.9": None}) == {}


@pytest.mark.parametrize("what", [OPEN, MAP])
def test_what_this_process_has_and_what_it_started_does_not_count(node, what):
    descriptor = os.open(node, os.O_RDWR)
    with process(what, node, started_by_us=True), mmap.mmap(descriptor, 4096, mmap.MAP_SHARED):
        assert openers.find_dax_users({"dax9.9": None}) == {}
    os.close(descriptor)


def test_the_capabilities_of_the_acting_daemon_are_enough_to_see_what_another_user_has_open(node):
    descriptor = os.open(node, os.O_RDONLY)
    with subprocess.Popen(
        ["cat"], stdin=subprocess.PIPE, pass_fds=[descriptor], user=65534, group=65534, extra_groups=[]
    ) as other:
        os.close(descriptor)
        found = _seen_with(acting_pctxt.conf.capabilities)
        other.stdin.close()
    assert found == {"dax9.9": f"cat (process {other.pid}) has /dev/dax9.9 open"}


def _seen_with(capabilities):
    code = "import json; from nova_accel.privsep import openers; print(json.dumps(openers.find_dax_users({'dax9.9': None})))"
    kept = ",".join(f"+cap_{int(number)}" for number in capabilities)
    argv = ["setpriv", f"--bounding-set=-all,{kept}", "--inh-caps=-all", "--no-new-privs", sys.executable, "-c", code]
    repository = Path(__file__).parents[2]
    return json.loads(subprocess.run(argv, capture_output=True, check=True, cwd=repository).stdout)


def test_a_process_that_writes_to_a_disk_is_found_and_one_that_reads_is_not(loop_device):
    number = loop_device.stat().st_rdev
    with process(OPEN, loop_device):
        assert openers.find_writers({number}) == {}
    with process("os.open({path!r}, os.O_RDWR)", loop_device):
        found = openers.find_writers({number})
    assert list(found) == [number]
    assert re.fullmatch(WHO, found[number])


def test_a_process_that_writes_to_a_disk_through_a_node_elsewhere_is_found(loop_device, tmp_path):
    number = loop_device.stat().st_rdev
    raw = devices.node(tmp_path / "raw", os.major(number), os.minor(number), stat.S_IFBLK)
    with process("os.open({path!r}, os.O_RDWR)", raw):
        assert re.fullmatch(WHO, openers.find_writers({number})[number])


def test_a_process_that_has_a_dax_device_by_a_node_elsewhere_is_found(tmp_path):
    memory = devices.node(tmp_path / "memory", 1, 5)
    with process(OPEN, memory):
        assert re.fullmatch(rf"{WHO} has /dev/dax9.9 open", openers.find_dax_users({"dax9.9": ZERO})["dax9.9"])


def test_a_process_that_writes_is_found_however_much_the_kernel_says_of_its_file(loop_device):
    number = loop_device.stat().st_rdev
    lock_much = "import fcntl; f = os.open({path!r}, os.O_RDWR); [fcntl.lockf(f, fcntl.LOCK_EX, 1, at) for at in range(0, 400, 2)]"
    with process(lock_much, loop_device):
        assert re.fullmatch(WHO, openers.find_writers({number})[number])


@pytest.mark.parametrize("is_local", [False, True])
@pytest.mark.parametrize("look", [openers.find_writers, lambda numbers: openers.find_dax_users({"dax9.9": ZERO})])
def test_only_a_file_on_this_machine_is_asked_for_its_state(tmp_path, monkeypatch, look, is_local):
    asked = []
    ask = os.stat  # pathlib goes through it too

    def watched(path, **options):
        asked.append(str(Path(path).readlink()) if re.fullmatch(r"/proc/\d+/fd/\d+", str(path)) else "")
        return ask(path, **options)

    monkeypatch.setattr(os, "stat", watched)
    monkeypatch.setattr(remote.OpenFiles, "is_local", lambda *_: is_local)
    (tmp_path / "file").touch()
    with process("os.open({path!r}, os.O_RDWR)", tmp_path / "file"):
        look({12345})
    assert (str(tmp_path / "file") in asked) == is_local


def test_a_process_with_a_hostile_name_is_still_whose_it_is(tmp_path):
    tool = tmp_path / ") R 1 ("
    shutil.copy(shutil.which("sleep"), tool)
    with subprocess.Popen([tool, "60"]) as started:
        assert processes.is_ours(Path("/proc", str(started.pid)))
        started.kill()
    assert not processes.is_ours(Path("/proc/1"))
