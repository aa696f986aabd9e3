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


@pytest.mark.parametrize(
    "serial",
    [
        "",
        " \n",
        "..",
        ".",
        "../../passwd",
        "a/..",
        "/",
        "a/",
        "a" * 21,
        "\N{SNOWMAN}",
        "a\udcff",
        "\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
def test_a_serial_number_that_names_no_file_of_the_folder_becomes_no_path_and_is_told_once(
    folder, serial, caplog, monkeypatch
):
    monkeypatch.setattr(held, "_TOLD", set())
    for _ in range(2):
        held.hold(serial)
        held.let_go(serial)
    assert not folder.exists()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot be kept from udev after a reboot" in caplog.text


@pytest.mark.parametrize(
    ("serial", "name"),
    [
        ("SN1                 \n", "SN1"),
        ("   SN1\n", "   SN1"),
        ("S(1)*2\n", "S_1__2"),
        ("$(reboot)", "$_reboot_"),
        ("a\tb;c'd", "a b_c_d"),
        ("%1?2,3$4", "%1?2,3$4"),
        (r"a\b\x20c", r"a_b\x20c"),
        ("a\x01b", "a_b"),
        (".hidden", ".hidden"),
        ("a/b", "a/b"),
        ("/a//b/c", "a/b/c"),
    ],
)
def test_the_file_has_the_name_that_udev_makes_of_the_serial_number(folder, serial, name):
    held.hold(serial)
    assert [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()] == [name]
    held.let_go(serial)
    assert list(folder.iterdir()) == []


def test_one_whose_name_is_a_folder_of_another_s_is_held_beside_it_or_not_given_away(folder):
    held.hold("a/b")
    held.hold("a/c")
    held.let_go("a/b")
    assert (folder / "a/c").is_file()
    held.hold("d")
    with pytest.raises(Failed, match="keeps udev off"):
        held.hold("d/e")
    held.let_go("d/e")
    assert (folder / "d").is_file()


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
