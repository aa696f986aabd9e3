"""What udev in L1 made of SSDs at the moment when they were erased."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping

from lab import servers
from lab.lab import Lab
from lab.machine import Machine
from lab.scenario import Ssd
from tests.lab import tricks, udev
from tests.lab.ssds import taken_by, wait_until_available
from tests.lab.udev import Disk

# Stands before nvme: at the time of erasing it notes what udev made of the disk, and what there was to see.
SPY = """\
#!/bin/sh
if [ "$1" = format ]; then
    udevadm settle --timeout=30
    {
        echo "there=$(blkid -p -o value -s TYPE "$2")"
        echo "holders=$(ls "/sys/block/${2##*/}/holders")"
        udevadm info --query=property --name="$2"
    } > "/run/spy-${2##*/}" 2>&1
fi
exec /run/real-nvme "$@"
"""


@dataclasses.dataclass(frozen=True)
class Sight:
    """A disk at that moment."""

    disk: Disk
    holders: str
    """Block devices made of it, such as an array's."""

    @property
    def was_left_alone(self) -> bool:
        """Whether the host has neither looked at its content nor made anything of it."""
        return not self.disk.was_looked_at and not self.holders


def seen_while_erased(lab: Lab, flavor: str, heads: Mapping[Ssd, bytes]) -> list[Sight]:
    """Have guests leave these beginnings on their SSDs, delete them, and tell what udev made of that until it was erased.

    :param flavor: asks for one SSD
    """
    with lab.steps.step("guests leave something on their SSDs", 420):
        wait_until_available(lab, *heads)
        tenants = servers.boot_several(lab, [f"tenant-{ssd.name}" for ssd in heads], flavor, lab.images.guest())
        for server in tenants:
            servers.wait_for_status(lab, server, "ACTIVE")
        assert {taken_by(lab, server) for server in tenants} == set(heads)
        for ssd, head in heads.items():
            tricks.leave(lab, ssd, head)
        assert {ssd.serial for ssd in heads} <= udev.held(lab)
    with lab.steps.step("they are erased", 240), _spy_on_erasing(lab.machine):
        servers.delete(lab, *tenants)
        wait_until_available(lab, *heads)
        return [_sight(lab.machine, file) for file in lab.machine.channel.run("ls /run/spy-nvme*n1").split()]


@contextlib.contextmanager
def _spy_on_erasing(machine: Machine) -> Iterator[None]:
    """While this lasts, /run/spy-nvme0n1 in L1 tells what udev knew about that disk when it was erased, and so for each."""
    path = machine.channel.run("readlink -f $(command -v nvme)").strip()
    machine.channel.run(
        f"rm -f /run/spy-*; cp {path} /run/real-nvme; cat > /run/spy-nvme; chmod 755 /run/spy-nvme;"
        f" mount --bind /run/spy-nvme {path}",
        given=SPY,
    )
    try:
        yield
    finally:
        machine.channel.run(f"umount {path}")


def _sight(machine: Machine, file: str) -> Sight:
    noted = dict(line.split("=", 1) for line in machine.channel.run(["cat", file]).splitlines())
    there, holders = noted.pop("there"), noted.pop("holders")
    return Sight(Disk(there, noted), holders)
