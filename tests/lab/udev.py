"""What udev in L1 has made of an SSD's disk, and what there was to see on it."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import struct
import subprocess
import zlib
from collections.abc import Mapping

from lab.lab import Lab
from lab.scenario import Ssd
from lab.steps import wait_for

HEAD_BYTES = 4096  # the superblock is within, and nothing of what guests write elsewhere
HELD = "/etc/nova_accel/held"
LVM_CRC = 0xF597A6CF


@dataclasses.dataclass(frozen=True)
class Disk:
    """A disk as udev has it in its database."""

    there: str
    """What blkid sees on it, who asks it now."""
    properties: Mapping[str, str]

    @property
    def was_looked_at(self) -> bool:
        """Whether udev knows anything of its content, or lets others use it."""
        return self.properties.get("SYSTEMD_READY") != "0" or any(name.startswith("ID_FS_") for name in self.properties)


def file_system_head(folder: pathlib.Path) -> bytes:
    """The beginning of an ext4 file system."""
    image = folder / "ext4"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    mkfs = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin") or "mkfs.ext4"
    subprocess.run([mkfs, "-q", "-F", str(image)], check=True)
    return image.read_bytes()[:HEAD_BYTES]


def volume_head(size_bytes: int) -> bytes:
    """The beginning of an LVM physical volume: its label, with a checksum that LVM and blkid compare."""
    uuid = b"tenant0000000000000000000000vol0"
    areas = struct.pack("<QQQQQQQQ", 1 << 20, 0, 0, 0, 4096, (1 << 20) - 4096, 0, 0)
    checked = struct.pack("<I8s32sQ", 32, b"LVM2 001", uuid, size_bytes) + areas
    checked += bytes(512 - 20 - len(checked))
    checksum = zlib.crc32(checked, LVM_CRC ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    return bytes(512) + struct.pack("<8sQI", b"LABELONE", 1, checksum) + checked


def leave_volume(lab: Lab, ssd: Ssd) -> None:
    """Put the beginning of an LVM physical volume on an SSD, as its guest might."""
    with lab.machine.backing_image(ssd.name).open("r+b") as device:
        device.write(volume_head(ssd.size_bytes))


def leave_file_system(lab: Lab, ssd: Ssd, folder: pathlib.Path) -> None:
    """Put the beginning of a file system on an SSD, as its guest might."""
    with lab.machine.backing_image(ssd.name).open("r+b") as device:
        device.write(file_system_head(folder))


def disk(lab: Lab, ssd: Ssd) -> Disk:
    """The disk of an SSD that L1 itself has, once udev is done with it."""
    name = wait_for(lambda: _name(lab, ssd), alive=lab.check)
    lab.machine.channel.run("udevadm settle --timeout=60")
    # blkid ends with 2 when it knows nothing of what is there.
    there = lab.machine.channel.run(f"blkid -p -o value -s TYPE /dev/{name} || [ $? = 2 ]")
    lines = lab.machine.channel.run(f"udevadm info --query=property --name=/dev/{name}").splitlines()
    return Disk(there.strip(), dict(line.split("=", 1) for line in lines))


def held(lab: Lab) -> frozenset[str]:
    """Serial numbers of the SSDs that udev is to leave alone until they are clean."""
    return frozenset(lab.machine.channel.run(f"ls {HELD} 2> /dev/null; true").splitlines())


def _name(lab: Lab, ssd: Ssd) -> str | None:
    # One of several controllers has a hidden block device too, which has no node.
    files = f"grep -l '^{ssd.serial} *$' /sys/block/nvme*/device/serial 2> /dev/null"
    found = lab.machine.channel.run(
        f"for file in $({files}); do disk=$(echo $file | cut -d/ -f4); [ ! -b /dev/$disk ] || echo $disk; done; true"
    )
    return found.strip() or None
