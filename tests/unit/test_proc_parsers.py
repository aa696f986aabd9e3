"""mountinfo and swaps."""

from hypothesis import given
from hypothesis import strategies as st

from nova_accel.parsers import mountinfo, swaps
from nova_accel.parsers.mountinfo import Mount


def test_a_mount_is_read_with_its_escapes_and_without_its_optional_fields():
    text = (
        "36 35 259:3 / /mnt/with\\040space rw,noatime master:1 propagate_from:2 - ext4 /dev/nvme0n1p1 rw\n"
        "37 35 0:40 /sub /b rw - btrfs /dev/nvme1n1 rw,subvol=/sub\n"
    )
    assert mountinfo.parse(text).records == (
        Mount("259:3", "/mnt/with space", "/dev/nvme0n1p1", "ext4"),
        Mount("0:40", "/b", "/dev/nvme1n1", "btrfs"),
    )


def test_swaps_are_read_without_the_header():
    text = (
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        "/dev/nvme0n1p2                          partition\t1048572\t\t0\t\t-2\n"
        "/swap\\040file                           file\t\t1024\t\t0\t\t5\n"
    )
    assert swaps.parse(text).records == ("/dev/nvme0n1p2", "/swap file")


@given(st.text(max_size=1000))
def test_no_mount_is_silently_lost(text):
    parsed = mountinfo.parse(text)
    assert len(parsed.records) + len(parsed.warnings) == sum(bool(line.strip()) for line in text.split("\n"))


@given(st.text(max_size=1000))
def test_no_swap_is_silently_lost(text):
    parsed = swaps.parse(text)
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("Filename")]
    assert len(parsed.records) + len(parsed.warnings) == len(lines)
