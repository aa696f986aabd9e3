"""What udev in L1 has made of an SSD's disk, and what there was to see on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from lab.lab import Lab
from lab.scenario import Ssd
from lab.steps import wait_for

HELD = "/etc/nova_accel/held"


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
