"""Root's side in the emulated host: no more capabilities than it says, and a tenant's data that the host does not look at."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import pytest

from lab import servers
from lab.lab import Lab
from lab.machine import Machine
from lab.scenario import Ssd
from tests.lab import udev
from tests.lab.ssds import taken_by, wait_until_available

pytestmark = pytest.mark.smoke

CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_SYS_ADMIN = 1 << 2, 1 << 19, 1 << 21

# Stands before nvme: at the time of erasing it notes what udev made of the disk, and what there was to see.
SPY = """\
#!/bin/sh
if [ "$1" = format ]; then
    udevadm settle --timeout=30
    { echo "there=$(blkid -p -o value -s TYPE "$2")"; udevadm info --query=property --name="$2"; } > "/run/spy-${2##*/}" 2>&1
fi
exec /run/real-nvme "$@"
"""


@contextlib.contextmanager
def spy_on_erasing(machine: Machine) -> Iterator[None]:
    """While this lasts, /run/spy-nvme0n1 in L1 tells what udev knew about that disk when it was erased, and so for each."""
    path = machine.channel.run("readlink -f $(command -v nvme)").strip()
    machine.channel.run(
        f"cp {path} /run/real-nvme; cat > /run/spy-nvme; chmod 755 /run/spy-nvme; mount --bind /run/spy-nvme {path}",
        given=SPY,
    )
    try:
        yield
    finally:
        machine.channel.run(f"umount {path}")


def test_the_daemons_keep_the_capabilities_they_say_and_no_other(lab: Lab) -> None:
    with lab.steps.step("privsep daemons keep few capabilities", 60):
        found = {name: capabilities(lab.machine, name) for name in ("reading", "acting")}
    assert found == {"reading": {0}, "acting": {CAP_SYS_ADMIN | CAP_SYS_PTRACE | CAP_DAC_READ_SEARCH}}


def capabilities(machine: Machine, context: str) -> set[int]:
    """Effective and permitted capabilities of the daemons of one context, those of sudo around them left out."""
    text = machine.channel.run(
        f"for pid in $(pgrep -f nova_accel.privsep.{context}_pctxt); do"
        " if [ $(cat /proc/$pid/comm) = privsep-helper ]; then grep -E '^Cap(Eff|Prm):' /proc/$pid/status; fi; done"
    )
    return {int(line.split()[1], 16) for line in text.splitlines()}


def test_udev_does_not_look_at_what_a_guest_left_while_it_is_erased(
    lab: Lab, free: list[Ssd], tmp_path: pathlib.Path
) -> None:
    with lab.steps.step("a guest leaves a file system on its SSD, another one a volume of LVM", 420):
        wait_until_available(lab, *free)
        flavor = lab.cloud.flavor("udev", {"resources1:CUSTOM_SSD": "1"})
        tenants = servers.boot_several(lab, [f"tenant-{ssd.name}" for ssd in free], flavor, lab.images.guest())
        for server in tenants:
            servers.wait_for_status(lab, server, "ACTIVE")
        assert {taken_by(lab, server) for server in tenants} == set(free)
        for number, ssd in enumerate(free):
            if number:
                udev.leave_volume(lab, ssd)
            else:
                udev.leave_file_system(lab, ssd, tmp_path)
        assert {ssd.serial for ssd in free} <= udev.held(lab)
    with lab.steps.step("they are erased, and udev has not looked", 240), spy_on_erasing(lab.machine):
        servers.delete(lab, *tenants)
        wait_until_available(lab, *free)
        disks = lab.machine.channel.run("cd /run; ls spy-nvme*n1").split()
        said = [lab.machine.channel.run(["cat", f"/run/{disk}"]) for disk in disks]
    told = [dict(line.split("=", 1) for line in one.splitlines()) for one in said]
    assert sorted(one["there"] for one in told) == ["LVM2_member", "ext4"]
    assert not any(udev.Disk(one.pop("there"), one).was_looked_at for one in told)
    assert not udev.held(lab)
