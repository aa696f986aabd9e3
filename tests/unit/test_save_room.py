"""The room in which libvirt saves guests: too little, promised to others, out of sight."""

import os
import tempfile
import traceback
from pathlib import Path
from types import SimpleNamespace

import pytest

from nova_accel.facts.roots import Roots
from nova_accel.virt import save_room
from nova_accel.virt.save_room import NoRoom, SaveRoom
from tests.unit.devices import require_root

GIB = 1 << 30


@pytest.fixture
def disk(monkeypatch):
    """A file system with 10 GiB, of which a tenth is for root alone."""
    asked = []

    def statvfs(place):
        asked.append(str(place))
        return SimpleNamespace(f_bfree=10 * GIB // 4096, f_bavail=9 * GIB // 4096, f_frsize=4096)

    monkeypatch.setattr(save_room.os, "statvfs", statvfs)
    return asked


def test_there_has_to_be_room_for_all_of_it_and_some_more(disk):
    room = SaveRoom(Roots())
    with room.promised(8 * GIB):
        pass
    with (
        pytest.raises(NoRoom, match="may take 9216 MiB, and /var/lib/libvirt/qemu/save has 9216 MiB, of which 256 MiB"),
        room.promised(9 * GIB),
    ):
        pass
    assert set(disk) == {"/var/lib/libvirt/qemu/save"}


def test_what_others_are_saving_counts_until_they_are_done(disk):
    room = SaveRoom(Roots())
    with (
        room.promised(5 * GIB),
        pytest.raises(NoRoom, match="other servers that are being saved 5120 MiB"),
        room.promised(5 * GIB),
    ):
        pass
    with room.promised(5 * GIB):
        pass


def test_a_save_that_fails_gives_its_room_back(disk):
    room = SaveRoom(Roots())
    with pytest.raises(ZeroDivisionError), room.promised(5 * GIB):
        raise ZeroDivisionError
    with room.promised(5 * GIB):
        pass


def test_a_folder_that_is_not_there_yet_is_on_the_file_system_above(tmp_path):
    with SaveRoom(Roots(saved=tmp_path / "libvirt/qemu/save")).promised(0):
        pass


@pytest.fixture
def closed():
    """A folder that only root may look into, and what it has in it."""
    with tempfile.TemporaryDirectory() as folder:
        save = Path(folder, "qemu/save")
        save.mkdir(parents=True)
        Path(folder).chmod(0o755)
        save.parent.chmod(0o700)
        yield save


def as_nobody(check):
    """Run something as another user, in a process of its own."""
    require_root()
    child = os.fork()
    if not child:
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        try:
            check()
        except BaseException:  # noqa: BLE001  whatever it is, this process must not go on as the tests
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_folder_that_the_user_may_not_see_is_on_the_file_system_above(closed):
    def check():
        with pytest.raises(PermissionError):
            os.statvfs(closed)
        with SaveRoom(Roots(saved=closed)).promised(0):
            pass

    as_nobody(check)


def test_nobody_can_tell_of_a_file_system_of_its_own_that_the_user_may_not_see(closed):
    mounts = f"36 35 98:0 / {closed} rw - ext4 /dev/sdb1 rw\n"

    def check():
        roots = SimpleNamespace(saved=closed, proc=Path("/proc"), read=lambda path: mounts)
        with (
            pytest.raises(NoRoom, match=r"nobody can tell how much room .*save has: Permission denied"),
            SaveRoom(roots).promised(0),
        ):
            pass

    as_nobody(check)
