"""Where block devices are mounted, in other mount namespaces too."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from nova_accel.privsep import blocks, controller, mounts, using
from nova_accel.privsep.errors import Refused
from tests.unit import devices, nd_tree

RECORDED = Path(__file__).parents[1] / "data/recorded"


@pytest.fixture
def loop_device(tmp_path):
    with devices.loop_device(tmp_path) as disk:
        yield disk


def test_a_recorded_mountinfo_is_read_line_by_line():
    text = (RECORDED / "proc-self-mountinfo.txt").read_text()
    found = mounts.parse(text)
    assert len(found) == len(text.splitlines())
    assert [one for one in found if one.source.startswith("/dev/nvme")]


def test_spaces_in_a_mount_point_are_spaces():
    line = r"30 22 259:1 / /mnt/my\040disk rw - ext4 /dev/nvme0n1p1 rw"
    assert mounts.parse(line) == [mounts.Mount(os.makedev(259, 1), "/dev/nvme0n1p1", "/mnt/my disk", 30, "ext4")]


@pytest.mark.parametrize(
    "line", ["", " - ", "1 2 3", "30 22 x:1 / /mnt rw - ext4 /dev/x rw", "30 22 259:1 / /mnt rw ext4 /dev/x rw", "\0"]
)
def test_what_is_no_mount_is_left_out(line):
    assert mounts.parse(line) == []


def test_a_file_system_with_a_number_of_its_own_is_known_by_what_was_mounted():
    btrfs = mounts.Mount(os.makedev(0, 45), "/dev/nvme0n1p1", "/mnt", 30, "btrfs")
    numbers = {os.makedev(259, 1): "nvme0n1p1"}
    assert mounts._whose(btrfs, ("nvme0n1", "nvme0n1p1"), numbers) == "nvme0n1p1"
    assert mounts._whose(btrfs, ("nvme0n1",), {}) is None


def test_a_link_that_was_mounted_leads_to_its_device(loop_device):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        link = Path(folder, "by-label")
        link.symlink_to(loop_device)
        mount = mounts.Mount(os.makedev(0, 45), str(link), "/mnt", 30, "btrfs")
        assert mounts._whose(mount, (loop_device.name,), blocks.numbers([loop_device.name])) == loop_device.name


@contextlib.contextmanager
def mounted_elsewhere(disk, folder):
    """Mount a disk where only one process and its children see it."""
    subprocess.run(["mkfs.ext4", "-q", "-F", disk], check=True)
    script = 'mount "$1" "$2" || exit; echo done; read line'
    with devices.in_mount_namespace("sh", "-c", script, "sh", disk, folder) as process:
        yield process


CHANGED_ROOT = """
import os, subprocess, sys
child = os.fork()
if child:
    os.chroot(sys.argv[3])
    os.waitpid(child, 0)
else:
    subprocess.run(["mount", *sys.argv[1:3]], check=True)
    print("done", flush=True)
    sys.stdin.read()
"""

LOOK = """
import json, subprocess, sys
from nova_accel.privsep import mounts
subprocess.run(["mount", *sys.argv[1:3]], check=True)
print("done", flush=True)
print(json.dumps([mounts.find([sys.argv[3]], elsewhere_only=only) for only in (False, True)]), flush=True)
sys.stdin.read()
"""


def test_a_mount_in_another_namespace_is_found_and_named(loop_device, tmp_path):
    (tmp_path / "my mount").mkdir()
    with mounted_elsewhere(loop_device, tmp_path / "my mount"):
        found = mounts.find([loop_device.name, "nvme99n1"], elsewhere_only=True)
    assert list(found) == [loop_device.name]
    where = re.escape(str(tmp_path / "my mount"))
    assert re.fullmatch(rf"{where} in the mount namespace of sh \(process \d+\)", found[loop_device.name])
    assert mounts.find([loop_device.name], elsewhere_only=True) == {}


def test_a_mount_below_a_changed_root_is_found(loop_device, tmp_path):
    # The older process of the namespace sees nothing of it, because mountinfo ends at its root.
    (tmp_path / "root").mkdir()
    (tmp_path / "mnt").mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-F", loop_device], check=True)
    argv = [sys.executable, "-c", CHANGED_ROOT, loop_device, tmp_path / "mnt", tmp_path / "root"]
    with devices.in_mount_namespace(*argv):
        found = mounts.find([loop_device.name], elsewhere_only=True)
    assert list(found) == [loop_device.name]


def test_a_mount_of_our_own_is_found_when_it_is_asked_for(loop_device, tmp_path):
    subprocess.run(["mkfs.ext4", "-q", "-F", loop_device], check=True)
    (tmp_path / "mnt").mkdir()
    argv = [sys.executable, "-c", LOOK, loop_device, tmp_path / "mnt", loop_device.name]
    with devices.in_mount_namespace(*argv) as process:
        everywhere, elsewhere = json.loads(process.stdout.readline())
    assert everywhere == {loop_device.name: str(tmp_path / "mnt")}
    assert elsewhere == {}


class TestNamespaceUsers:
    """A loop device stands for the disk of a namespace in raw mode."""

    @pytest.fixture
    def disk(self, tmp_path, monkeypatch, loop_device):
        sysfs = nd_tree.build(tmp_path / "sys")
        (sysfs / "bus/nd/devices/namespace0.4/block/pmem0.4").rmdir()
        (sysfs / "bus/nd/devices/namespace0.4/block" / loop_device.name).mkdir()
        monkeypatch.setattr(using, "_SYS", sysfs)
        return loop_device

    @staticmethod
    def users(*devs):
        return using.namespace_users.__wrapped__(list(devs))

    def test_a_disk_that_nobody_uses_is_not_told(self, disk):
        assert self.users("namespace0.4") == {}

    def test_a_disk_that_is_held_is_told(self, disk):
        with blocks.exclusive((disk.name,)):
            assert self.users("namespace0.4") == {"namespace0.4": f"/dev/{disk.name} is in use by this host"}

    def test_a_disk_that_is_written_to_is_told(self, disk):
        code = 'exec 3<>"$1"; echo done; read line'
        with subprocess.Popen(
            ["bash", "-c", code, "bash", disk], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout.readline() == b"done\n"
            found = self.users("namespace0.4")
            process.stdin.close()
        assert found == {"namespace0.4": f"bash (process {process.pid}) has /dev/{disk.name} open for writing"}

    def test_where_it_is_mounted_says_most(self, disk, tmp_path):
        with mounted_elsewhere(disk, tmp_path):
            (sentence,) = self.users("namespace0.4").values()
        assert sentence.startswith(f"/dev/{disk.name} is mounted on {tmp_path} in the mount namespace of sh (process ")

    def test_a_name_that_cannot_be_one_does_not_spoil_the_others(self, disk):
        with blocks.exclusive((disk.name,)):
            found = self.users("../sda", "namespace0.4", "namespace77.1")
        assert found["../sda"] == "'../sda' is not a namespace such as namespace0.1"
        assert set(found) == {"../sda", "namespace0.4"}


def test_words_on_a_mount_go_with_the_address_of_the_ssd(loop_device, tmp_path, monkeypatch):
    def namespaces(address):
        if address != "0000:01:00.0":
            raise Refused(f"{address} is not run by the kernel's nvme driver")
        return (loop_device.name,)

    monkeypatch.setattr(controller, "device", lambda address: address)
    monkeypatch.setattr(controller, "namespaces", namespaces)
    with mounted_elsewhere(loop_device, tmp_path):
        found = using.mounted_elsewhere.__wrapped__(["0000:01:00.0", "0000:02:00.0"])
    assert list(found) == ["0000:01:00.0"]
    assert found["0000:01:00.0"].startswith(f"{tmp_path} in the mount namespace of ")
