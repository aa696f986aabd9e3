"""Files of another machine are told from our own without asking for their state."""

from pathlib import Path

import pytest

from nova_accel.privsep import mounts, remote

MOUNTINFO = """\
22 1 254:1 / / rw - ext4 /dev/vda1 rw
23 22 0:5 / /dev rw - devtmpfs devtmpfs rw
24 22 0:50 / /srv rw - nfs4 server:/srv rw
25 24 0:51 / /srv/local rw - tmpfs tmpfs rw
26 22 0:52 / /srv/me rw - fuse.sshfs me@there: rw
27 22 254:2 / /mnt rw - ext4 /dev/vda2 rw
28 27 254:3 / /mnt/deep rw - ext4 /dev/vda3 rw
29 27 0:53 / /mnt rw - nfs4 server:/mnt rw
"""


@pytest.mark.parametrize(
    ("path", "is_remote"),
    [
        ("/dev/nvme0n1", False),
        ("/image", False),
        ("/srv/image", True),
        ("/srv", True),
        ("/srv-2/image", False),
        ("/srv/local/image", False),
        ("/srv/me/image", True),
        ("image", True),
        ("/mnt/image", True),
        ("/mnt/deep/image", True),
    ],
)
def test_the_mount_that_a_path_is_on_says_so(monkeypatch, path, is_remote):
    monkeypatch.setattr(mounts, "own", lambda: mounts.parse(MOUNTINFO))
    assert remote.is_path(path) is is_remote


def test_an_open_file_is_told_by_the_number_of_its_mount(tmp_path):
    (tmp_path / "ns").mkdir()
    (tmp_path / "ns/mnt").symlink_to("mnt:[1]")
    (tmp_path / "root").symlink_to("/")
    (tmp_path / "mountinfo").write_text(MOUNTINFO)
    files = remote.OpenFiles()
    assert {number: files.is_local(tmp_path, number) for number in (22, 23, 24, 25, 26, 99)} == {
        22: True,
        23: True,
        24: False,
        25: True,
        26: False,
        99: False,
    }
    assert not remote.OpenFiles().is_local(Path("/proc/0"), 22)
