"""A loop device over a disk is seen, with real ones: the kernel lets both be opened exclusively at the same time."""

import pytest

from nova_accel.privsep import blocks, controller, loops, remote, using
from nova_accel.privsep.errors import Refused
from tests.unit import devices

AT = "0000:01:00.0"


@pytest.fixture
def disk(tmp_path):
    with devices.loop_device(tmp_path) as disk:
        yield disk


def test_a_disk_with_a_loop_device_over_it_is_in_use(disk, monkeypatch):
    monkeypatch.setattr(controller, "device", lambda address: disk)
    monkeypatch.setattr(controller, "namespaces", lambda folder: (disk.name,))
    who_writes = using.who_writes.__wrapped__
    with devices.loop_over(disk) as loop:
        sentence = f"{loop} is a loop device over {disk}"
        assert who_writes([AT]) == {AT: sentence}
        with pytest.raises(Refused, match=sentence):
            controller.refuse_if_used((disk.name,))
        with blocks.exclusive([disk.name]):
            pass  # so this alone would not have noticed
    assert who_writes([AT]) == {}
    controller.refuse_if_used((disk.name,))


def test_the_path_by_which_it_was_made_does_not_matter(disk, tmp_path):
    node = tmp_path / "as-kubelet-makes-it"
    node.symlink_to(disk)
    with devices.loop_over(node) as loop:
        assert loops.find({disk.stat().st_rdev}) == {disk.stat().st_rdev: loop.name}


def test_where_dev_lacks_the_loop_device_its_path_counts(disk, tmp_path, monkeypatch):
    monkeypatch.setattr(loops, "_DEV", tmp_path / "dev")
    with devices.loop_over(disk) as loop:
        assert loops.find({disk.stat().st_rdev}) == {disk.stat().st_rdev: loop.name}


def test_a_loop_device_over_a_file_is_over_no_disk(disk):
    # That one is over a file itself.
    assert disk.name not in loops.find({0, disk.stat().st_rdev}).values()


def test_a_file_on_another_machine_is_not_asked_about(disk, monkeypatch):
    monkeypatch.setattr(remote, "is_path", lambda path: True)
    with devices.loop_over(disk):
        assert loops.find({disk.stat().st_rdev}) == {}
