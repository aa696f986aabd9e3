"""A disk that the host exports from inside the kernel is seen: by configfs, because an exclusive open and processes do not tell of it."""

import os
import stat

import pytest

from nova_accel.privsep import blocks, controller, in_kernel, loops, namespace, remote, using
from nova_accel.privsep.errors import Refused
from tests.unit import devices

AT = "0000:01:00.0"
NQN = "nqn.2014-08.org.example:backup"
DISK = os.makedev(259, 7)
NAMES = {DISK: "nvme3n1", os.makedev(259, 8): "nvme3n1p1"}
BY_NVMET = f"the NVMe target {NQN} exports /dev/nvme3n1"
BY_LIO = "the LIO backstore fileio_0/backup exports /dev/nvme3n1"


@pytest.fixture
def configfs(tmp_path, monkeypatch):
    folder = tmp_path / "config"
    monkeypatch.setattr(in_kernel, "_CONFIGFS", folder)
    return folder


@pytest.fixture
def node(tmp_path):
    return devices.node(tmp_path / "nvme3n1", os.major(DISK), os.minor(DISK), stat.S_IFBLK)


def by_nvmet(configfs, path, *, enabled=1):
    folder = configfs / "nvmet/subsystems" / NQN / "namespaces/1"
    folder.mkdir(parents=True)
    (folder / "device_path").write_text(f"{path}\n")
    (folder / "enable").write_text(f"{enabled}\n")


def by_lio(configfs, path):
    (configfs / "target/core/alua/lu_gps").mkdir(parents=True)
    folder = configfs / "target/core/fileio_0/backup"
    folder.mkdir(parents=True)
    (configfs / "target/core/fileio_0/hba_info").write_text("HBA Index: 1 plugin: fileio version: v5.0\n")
    (folder / "udev_path").write_text(f"{path}\n")


@pytest.mark.parametrize("enabled", [1, 0])
def test_a_disk_that_an_nvme_target_exports_is_found_whether_or_not_it_is_enabled(configfs, node, enabled):
    by_nvmet(configfs, node, enabled=enabled)
    assert in_kernel.find(NAMES) == {DISK: BY_NVMET}


def test_a_disk_that_is_a_backstore_of_lio_is_found(configfs, node):
    by_lio(configfs, node)
    assert in_kernel.find(NAMES) == {DISK: BY_LIO}


def test_a_backstore_of_lio_that_targetcli_has_not_made_is_found_by_what_the_kernel_says_of_it(configfs, node):
    by_lio(configfs, "")
    state = "Status: ACTIVATED  Max Queue Depth: 0  SectorSize: 512  HwMaxSectors: 16384"
    described = f"{state}\n        TCM FILEIO ID: 0        File: {node}  Size: 107374182400  Mode: O_DSYNC Async: 0\n"
    (configfs / "target/core/fileio_0/backup/info").write_text(described)
    assert in_kernel.find(NAMES) == {DISK: BY_LIO}


@pytest.fixture
def controller_node(tmp_path, monkeypatch):
    """The node of the controller nvme3 as sysfs shows that one, yet without a namespace."""
    numbers = tmp_path / "numbers"
    monkeypatch.setattr(in_kernel, "_NUMBERS", numbers)
    (tmp_path / "sys/nvme3").mkdir(parents=True)
    for kind in ("block", "char"):
        (numbers / kind).mkdir(parents=True)
    (numbers / "char/240:3").symlink_to(tmp_path / "sys/nvme3")
    return devices.node(tmp_path / "nvme3", 240, 3)


@pytest.mark.parametrize(
    ("of_disk", "of_controller"),
    [("sys/nvme3/nvme3n1", None), ("sys/nvme-subsys3/nvme3n1", "sys/nvme-subsys3/nvme3"), ("sys/nvme4/nvme3n1", None)],
    ids=["alone", "native multipath", "of another controller"],
)
def test_an_ssd_that_an_nvme_target_passes_through_as_a_whole_is_found(
    configfs, controller_node, tmp_path, of_disk, of_controller
):
    (tmp_path / of_disk).mkdir(parents=True)
    (tmp_path / "numbers/block/259:7").symlink_to(tmp_path / of_disk)
    if of_controller:
        (tmp_path / of_controller).symlink_to(tmp_path / "sys/nvme3")
    folder = configfs / "nvmet/subsystems" / NQN / "passthru"
    folder.mkdir(parents=True)
    (folder / "device_path").write_text(f"{controller_node}\n")
    assert in_kernel.find(NAMES) == ({} if "nvme4" in of_disk else {DISK: BY_NVMET})


def test_the_path_by_which_it_is_exported_does_not_matter(configfs, node, tmp_path):
    link = tmp_path / "by-id"
    link.symlink_to(node)
    by_nvmet(configfs, link)
    assert in_kernel.find(NAMES) == {DISK: BY_NVMET}


def test_another_disk_or_a_file_that_is_exported_does_not_count(configfs, node, tmp_path):
    (tmp_path / "image").touch()
    by_nvmet(configfs, node)
    by_lio(configfs, tmp_path / "image")
    assert in_kernel.find({os.makedev(259, 8): "nvme4n1"}) == {}


@pytest.mark.parametrize("path", ["(null)", "", "/dev/nothing-of-that-name"])
def test_an_export_without_a_path_is_of_nothing(configfs, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    devices.node(tmp_path / "(null)", os.major(DISK), os.minor(DISK), stat.S_IFBLK)
    by_nvmet(configfs, path)
    by_lio(configfs, path)
    assert in_kernel.find(NAMES) == {}


def test_where_configfs_is_not_mounted_nothing_is_exported(configfs):
    assert not configfs.exists()
    assert in_kernel.find(NAMES) == {}


def test_a_file_on_another_machine_is_not_asked_about(configfs, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(remote, "is_path", lambda path: True)
    monkeypatch.setattr(loops, "number_at", asked.append)
    by_nvmet(configfs, tmp_path / "image")
    by_lio(configfs, tmp_path / "image")
    assert in_kernel.find(NAMES) == {}
    assert asked == []


@pytest.fixture
def disk(tmp_path):
    with devices.loop_device(tmp_path) as disk:
        yield disk


@pytest.mark.parametrize(
    ("export", "words"), [(by_nvmet, f"the NVMe target {NQN}"), (by_lio, "the LIO backstore fileio_0/backup")]
)
def test_an_ssd_that_is_exported_is_in_use(configfs, disk, monkeypatch, export, words):
    monkeypatch.setattr(controller, "device", lambda address: disk)
    monkeypatch.setattr(controller, "namespaces", lambda folder: (disk.name,))
    who_writes = using.who_writes.__wrapped__
    assert who_writes([AT]) == {}
    controller.refuse_if_used((disk.name,))
    export(configfs, disk)
    sentence = f"{words} exports {disk}"
    assert who_writes([AT]) == {AT: sentence}
    with pytest.raises(Refused, match=sentence):
        controller.refuse_if_used((disk.name,))
    with blocks.exclusive([disk.name]):
        pass  # so this alone would not have noticed


def test_persistent_memory_that_is_exported_is_in_use(configfs, disk, monkeypatch):
    monkeypatch.setattr(namespace, "dax_numbers", lambda sys, dev: {})
    monkeypatch.setattr(namespace, "block_names", lambda sys, dev: (disk.name,))
    namespace_users = using.namespace_users.__wrapped__
    assert namespace_users(["namespace0.0"]) == {}
    by_nvmet(configfs, disk)
    assert namespace_users(["namespace0.0"]) == {"namespace0.0": f"the NVMe target {NQN} exports {disk}"}
