"""What keeps udev off a guest's SSD."""

import os
import stat

import pytest

from nova_accel.privsep import held
from nova_accel.privsep.errors import Failed


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(held, "_FOLDER", tmp_path / "etc" / "held")
    return tmp_path / "etc" / "held"


def test_an_ssd_is_held_until_it_is_let_go_and_both_can_be_repeated(folder):
    for _ in range(2):
        held.hold("S4EVNF0M500001")
    assert [path.name for path in folder.iterdir()] == ["S4EVNF0M500001"]
    for _ in range(2):
        held.let_go("S4EVNF0M500001")
    assert not list(folder.iterdir())


def test_nobody_else_may_write_there_whatever_the_umask_is(folder):
    before = os.umask(0)
    try:
        held.hold("SN 1")
    finally:
        os.umask(before)
    for path in (folder, folder / "SN 1"):
        assert not stat.S_IMODE(path.stat().st_mode) & (stat.S_IWGRP | stat.S_IWOTH)


@pytest.mark.parametrize("serial", ["", "..", ".", "../../passwd", "a/b", "a" * 21, "\N{SNOWMAN}", "a\nb", "$(reboot)"])
def test_a_serial_number_that_is_no_plain_word_becomes_no_path(folder, serial):
    held.hold(serial)
    held.let_go(serial)
    assert not folder.exists()


def test_a_link_is_not_followed(folder, tmp_path):
    folder.mkdir(parents=True)
    (folder / "SN1").symlink_to(tmp_path / "victim")
    with pytest.raises(Failed, match="keeps udev off"):
        held.hold("SN1")
    assert not (tmp_path / "victim").exists()


def test_what_cannot_be_held_is_not_given_to_a_guest(folder):
    folder.parent.mkdir()
    folder.write_text("no folder")
    with pytest.raises(Failed, match="held/SN1 cannot be made"):
        held.hold("SN1")
