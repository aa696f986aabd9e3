"""What a tenant may leave on an SSD so that the host takes it for a disk of its own."""

from __future__ import annotations

import base64
import pathlib
import shutil
import struct
import subprocess
import zlib

from lab.lab import Lab
from lab.machine import Machine
from lab.scenario import Ssd

HEAD_BYTES = 4096  # the superblock is within, and nothing of what guests write elsewhere
MADE_HEAD_BYTES = 8192  # where theirs begins at 4 KiB
LVM_CRC = 0xF597A6CF

# Makes a file into a disk of L1, and what there is of an array or a cache on it is gone again in the end. udev sees it as any new disk.
MADE = """\
set -e
image=/run/trick-{name}
truncate -s 16M $image
disk=$(losetup --show --find $image)
{make}
udevadm settle --timeout=30
{stop}
udevadm settle --timeout=30
losetup --detach $disk
# The same disk once more, now that all is on it: what does this host do with it?
disk=$(losetup --show --find $image)
udevadm settle --timeout=30
ls /sys/block/${{disk##*/}}/holders > /run/trick-holders
{stop}
udevadm settle --timeout=30
losetup --detach $disk
[ -s /run/trick-holders ] || {{ echo "udev did not assemble $image" >&2; exit 1; }}
head -c {head} $image | base64
rm $image
"""
STOP_RAID = "for one in $(ls /sys/block/${disk##*/}/holders); do mdadm --quiet --stop /dev/$one; done"
STOP_CACHE = "cache=/sys/block/${disk##*/}/bcache; [ ! -e $cache ] || echo 1 > $cache/stop; while [ -e $cache ]; do sleep 0.2; done"


def file_system(folder: pathlib.Path) -> bytes:
    """The beginning of an ext4 file system."""
    image = folder / "ext4"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    mkfs = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin") or "mkfs.ext4"
    subprocess.run([mkfs, "-q", "-F", str(image)], check=True)
    return image.read_bytes()[:HEAD_BYTES]


def volume(size_bytes: int) -> bytes:
    """The beginning of an LVM physical volume: its label, with a checksum that LVM and blkid compare."""
    uuid = b"tenant0000000000000000000000vol0"
    areas = struct.pack("<QQQQQQQQ", 1 << 20, 0, 0, 0, 4096, (1 << 20) - 4096, 0, 0)
    checked = struct.pack("<I8s32sQ", 32, b"LVM2 001", uuid, size_bytes) + areas
    checked += bytes(512 - 20 - len(checked))
    checksum = zlib.crc32(checked, LVM_CRC ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    return bytes(512) + struct.pack("<8sQI", b"LABELONE", 1, checksum) + checked


def raid(machine: Machine) -> bytes:
    """The beginning of an array's only member, which L1 assembles as soon as it sees it."""
    make = "mdadm --quiet --create /dev/md/tenant --run --force --level=1 --raid-devices=1 --metadata=1.2 $disk"
    return _made(machine, "raid", make, STOP_RAID)


def cache(machine: Machine) -> bytes:
    """The beginning of a bcache backing device, which L1 registers as soon as it sees it."""
    return _made(machine, "cache", "modprobe bcache; make-bcache -B $disk > /dev/null", STOP_CACHE)


def leave(lab: Lab, ssd: Ssd, head: bytes) -> None:
    """Put a beginning on an SSD, as its guest might."""
    with lab.machine.backing_image(ssd.name).open("r+b") as device:
        device.write(head)


def _made(machine: Machine, name: str, make: str, stop: str) -> bytes:
    script = MADE.format(name=name, make=make, stop=stop, head=MADE_HEAD_BYTES)
    return base64.b64decode(machine.channel.run(script))
