"""The lab's small parts, without an emulator."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time

import pytest

from lab import content, cpio, folders, guest, hygiene, initramfs, kernel, packages, processes
from lab.control import settings
from lab.control.stand_ins import SCHEMA
from lab.steps import Steps, StepTimeout

CONSOLE = """\
[    1.0] something else
guest: booted
guest: nvme nvme0 serial=ABC123 bytes=67108864 first=00000000000000000000000000000000 first_mib=zero
guest: wrote deadbeef at 5000 of /dev/nvme0n1 status=0
guest: pmem 0 block=pmem1 bytes=50331648 region_bytes=50331648 node=0 content=zero found= wrote=0
guest: pmem 1 block=pmem0 bytes=117440512 region_bytes=117440512 node=-1 content=data found=deadbeef-1 wrote=1
guest: ready
"""


def test_a_guests_words_are_read() -> None:
    assert guest.seen(CONSOLE) == [guest.SeenSsd("ABC123", 67108864, True)]
    assert guest.is_ready(CONSOLE)
    assert guest.wrote(CONSOLE, "deadbeef")
    assert not guest.wrote(CONSOLE.replace("status=0", "status=1"), "deadbeef")
    assert guest.seen("") == []


def test_a_guests_words_about_persistent_memory_are_read() -> None:
    assert guest.seen_pmem(CONSOLE) == [
        guest.SeenPmem(50331648, 0, zero=True, found="", wrote=True),
        guest.SeenPmem(117440512, -1, zero=False, found="deadbeef-1", wrote=False),
    ]
    assert guest.seen_pmem("") == []


TWICE = """\
guest: booted 11111111-1111-4111-8111-111111111111
guest: found "" at 5000 of /dev/nvme0n1
guest: ready
guest: alive 1 11111111-1111-4111-8111-111111111111 ABC123=deadbeef pmem0=deadbeef-0\r
guest: booted 22222222-2222-4222-8222-222222222222
guest: found "deadbeef" at 5000 of /dev/nvme0n1
guest: ready
guest: alive 1 22222222-2222-4222-8222-222222222222
guest: alive 2 22222222-2222-4222-8222-222222222222 ABC123= pmem0=deadbeef-0\r
guest: alive 3 22222222-2222-4222-8222-222222222222 ABC123=dead"""


def test_a_guest_that_booted_twice_is_read_since_its_last_boot() -> None:
    boot_id, text = guest.last_boot(TWICE)
    assert boot_id == "22222222-2222-4222-8222-222222222222"
    assert guest.found(text) == ["deadbeef"]
    assert guest.found(TWICE) == ["", "deadbeef"]
    assert guest.last_boot("") == ("", "")


def test_a_guest_that_was_resumed_is_known_by_its_signs_of_life() -> None:
    console = "guest: alive 7 11111111-1111-4111-8111-111111111111 ABC123=deadbeef\n"
    assert guest.last_boot(console) == ("11111111-1111-4111-8111-111111111111", console)


def test_a_guests_signs_of_life_are_read_once_they_are_whole() -> None:
    _, text = guest.last_boot(TWICE)
    assert guest.beats(text) == [guest.Beat(1, {}), guest.Beat(2, {"ABC123": "", "pmem0": "deadbeef-0"})]


def test_data_is_found_in_the_part_that_is_asked_for(tmp_path: pathlib.Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(3 << 20) + b"x" + bytes(1 << 20))
    assert content.first_data(image) == 3 << 20
    assert content.first_data(image, 0, 3 << 20) is None
    assert content.first_data(image, 1 << 20, (2 << 20) + 1) == 3 << 20
    assert content.first_data(image, (3 << 20) + 1) is None


def test_sysfs_is_written_down_with_links_and_without_what_cannot_be_read(tmp_path: pathlib.Path) -> None:
    device = tmp_path / "device"
    (device / "deeper").mkdir(parents=True)
    (device / "class").write_bytes(b"0x01\n\0")
    (device / "deeper/size").write_text("5\n")
    (device / "driver").symlink_to("../drivers/nvme")
    program = [sys.executable, str(initramfs.SCRIPTS / "tree.py")]
    shallow = subprocess.run([*program, "1", "*", f"{device}/", "/absent"], capture_output=True, text=True, check=True)
    assert shallow.stdout == f"F {device}/class 0x01  \nL {device}/driver ../drivers/nvme\n"
    deep = subprocess.run([*program, "2", "si*,nothing", str(device)], capture_output=True, text=True, check=True)
    assert deep.stdout == f"F {device}/deeper/size 5 \n"


def test_modules_come_after_what_they_need_and_once() -> None:
    dep = "kernel/a/low.ko:\nkernel/a/mid-dle.ko.xz: kernel/a/low.ko\nkernel/b/top.ko: kernel/a/mid-dle.ko.xz kernel/a/low.ko\n"
    order = kernel.load_order(dep, ["top", "low", "built_in", "mid_dle"], pathlib.Path("/m"))
    assert [path.name for path in order] == ["low.ko", "mid-dle.ko.xz", "top.ko"]


def test_an_archive_is_what_cpio_reads(tmp_path: pathlib.Path) -> None:
    archive = cpio.Archive()
    archive.file("a/b/file", b"text", 0o755)
    archive.link("a/link", "b/file")
    content = archive.content()
    assert len(content) % 4 == 0
    names = [word for word in (b"a\0", b"a/b\0", b"a/b/file\0", b"a/link\0", b"TRAILER!!!\0") if word in content]
    assert len(names) == 5
    assert content.count(b"070701") == 5


def test_the_version_that_apt_would_install_is_the_new_one() -> None:
    assert (
        packages._version("Inst udev [252.38] (252.39-1~deb12u2 Debian:12/oldstable [amd64]) []") == "252.39-1~deb12u2"
    )


def test_a_configuration_writes_repeated_options_and_merges() -> None:
    base = {"DEFAULT": {"debug": "True"}}
    merged = settings.merged(base, {"DEFAULT": {"host": "l1"}, "nova_accel": {"nvme_ssd_filter": ("a", "b")}})
    text = settings.text(merged)
    assert "debug = True\nhost = l1" in text
    assert "nvme_ssd_filter = a\nnvme_ssd_filter = b" in text


def test_an_unknown_nova_is_told_apart() -> None:
    with pytest.raises(ValueError, match="not known to the lab"):
        settings.api_paste("[filter:authtoken]\npaste.filter_factory = something:else\n")


def test_an_images_own_attributes_are_no_properties() -> None:
    assert "disk_format" in SCHEMA["properties"]
    assert "hw_machine_type" not in SCHEMA["properties"]


def test_a_step_that_takes_too_long_is_ended_and_told() -> None:
    struck = []
    steps = Steps(on_timeout=lambda: struck.append(True))
    with pytest.raises(StepTimeout, match="'slow' did not end within"), steps.step("slow", 0.2):
        time.sleep(5)
    assert struck == [True]
    assert [step.outcome for step in steps.done] == ["timed out"]
    assert "timed out" in steps.table()


def test_a_process_of_a_run_is_found_by_its_marker_and_ended() -> None:
    run = folders.RunFolder(pathlib.Path(f"/test-{time.monotonic_ns()}"))
    name = run.name
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=processes.environment(run))
    try:
        deadline = time.monotonic() + 10
        while child.pid not in processes.marked(name) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert child.pid in processes.marked(name)
        assert processes.marked(f"{name}-other") == {}
    finally:
        child.kill()
        child.wait()
    assert processes.end_marked(name) == {}


def test_what_is_new_on_the_machine_is_told_but_for_the_runs_own_folder(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = tmp_path / "watched"
    watched.mkdir()
    monkeypatch.delenv(hygiene.OTHERS_VARIABLE, raising=False)
    monkeypatch.setattr(hygiene, "WATCHED", (str(watched),))
    monkeypatch.setattr(folders, "SOCKET_PATH_LIMIT", 1000)
    before = hygiene.look()
    run = folders.Home(watched / "home").new_run()
    assert hygiene.left_since(before, run) == []
    (watched / "left").touch()
    assert hygiene.left_since(before, run) == [f"file {watched / 'left'}"]
    monkeypatch.setenv(hygiene.OTHERS_VARIABLE, f"{watched}/le*")
    assert hygiene.left_since(before, run) == []


def test_the_last_runs_are_kept_and_older_ones_go(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "SOCKET_PATH_LIMIT", 1000)
    made = []
    for number in range(folders.KEPT_RUNS + 2):
        made.append(folders.Home(tmp_path).new_run())
        os.utime(made[-1].path, (number, number))  # two can be made within what the file system tells apart
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {run.name for run in made[2:]}


def test_a_folder_too_deep_for_sockets_is_refused_with_the_way_out(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=folders.HOME_VARIABLE):
        folders.Home(tmp_path / ("x" * 90)).new_run()
