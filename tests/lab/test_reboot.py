"""The compute host loses its power while a server has an SSD."""

from __future__ import annotations

import pathlib

import pytest

from lab import content, guest, ledger, servers
from lab.lab import Lab
from lab.scenario import Chance, Ssd
from lab.steps import say
from tests.lab import tricks, udev
from tests.lab.ssds import taken_by, wait_until_available

pytestmark = pytest.mark.full


def test_a_server_finds_its_data_after_the_host_lost_its_power(
    lab: Lab, flavor: str, free: list[Ssd], chance: Chance, tmp_path: pathlib.Path
) -> None:
    nonce, offset = chance.nonce(), chance.offset(min(ssd.size_bytes for ssd in free), 32)
    with lab.steps.step("SSDs are read and offered", 120):
        wait_until_available(lab, *free)
    with lab.steps.step("server has an SSD and wrote to it", 300):
        server = lab.cloud.boot("survivor", flavor, lab.images.guest(f"accel.nonce={nonce} accel.offset={offset}"))
        servers.wait_for_status(lab, server, "ACTIVE")
        ssd = taken_by(lab, server)
        tricks.leave(lab, ssd, tricks.file_system(tmp_path))
    with lab.steps.step("L1 loses its power and boots again", 240):
        lab.reboot_l1()
        disk = udev.disk(lab, ssd)
    say(f"  udev: {disk}")
    assert disk.there == "ext4"
    assert not disk.was_looked_at
    with lab.steps.step("nova-compute starts again", 300):
        lab.start_compute()
    entry = ledger.read(lab.machine).handles[ssd.serial]
    assert (entry.state, entry.server) == ("assigned", server)
    assert content.at(lab.machine.backing_image(ssd.name), offset, len(nonce)) == nonce.encode()
    with lab.steps.step("server is started and has its SSD", 300):
        servers.wait_for_status(lab, server, "SHUTOFF")
        lab.cloud.act(server, "os-start")
        servers.wait_for_status(lab, server, "ACTIVE")
        console = servers.wait_for_console(lab, server)
    assert guest.seen(console)[-1].serial == ssd.serial
    with lab.steps.step("server is deleted, its SSD cleaned", 240):
        servers.delete(lab, server)
        wait_until_available(lab, *free)
    assert content.first_data(lab.machine.backing_image(ssd.name)) is None
    assert not udev.held(lab)
