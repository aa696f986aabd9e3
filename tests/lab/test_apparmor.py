"""Where libvirt confines its guests with AppArmor, a guest may have the devices that we give it, because libvirt allows them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import domain, folders, guest, initramfs, servers
from lab.configuration import ALL_DRIVERS, with_drivers
from lab.lab import Lab, Wish
from lab.machine import Machine
from lab.scenario import Chance, smoke
from lab.steps import Steps, say
from tests.lab import spaces
from tests.lab.ssds import FREE, wait_until_available
from tests.lab.test_pmem import BY_RESOURCES, GUEST_MIB, of

pytestmark = pytest.mark.full


def confine(machine: Machine) -> None:
    """Let libvirt use AppArmor."""
    machine.channel.run(["sh", str(initramfs.SCRIPTS / "l1-apparmor")], limit_s=180)


@pytest.fixture
def confined_lab(steps: Steps, chance: Chance) -> Iterator[Lab]:
    """The same hardware and configuration, with AppArmor."""
    lab = Lab(Wish(smoke(chance), before_nova=confine, **with_drivers(ALL_DRIVERS)), folders.home(), steps)
    with lab:
        lab.start_nova()
        yield lab
    assert lab.left == []


def test_a_confined_guest_has_its_ssd_and_its_memory(confined_lab: Lab, chance: Chance) -> None:
    lab = confined_lab
    spaces.wait_until_all_offered(lab)
    wait_until_available(lab, *(lab.wish.scenario.ssd(name) for name in FREE))
    known, nonce = spaces.look(lab), chance.nonce()
    with lab.steps.step("confined server with an SSD and two namespaces is ACTIVE", 300):
        image = lab.images.guest(f"accel.pmem_nonce={nonce} accel.pmem_offset=4096")
        server = lab.cloud.boot("confined", lab.cloud.flavor("confined", BY_RESOURCES, GUEST_MIB), image)
        servers.wait_for_status(lab, server, "ACTIVE")
    with lab.steps.step("its guest sees its SSD and writes to its memory", 180):
        console = servers.wait_for_console(lab, server)
    assert len(guest.seen(console)) == 1
    assert all(one.wrote for one in guest.seen_pmem(console))
    taken = of(lab, known, server)
    profile = f"libvirt-{server}"
    pid = domain.emulator(lab.machine, server, [one.path for one in taken]).pid
    label = lab.machine.channel.run(["cat", f"/proc/{pid}/attr/current"]).strip()
    allowed = lab.machine.channel.run(["cat", f"/etc/apparmor.d/libvirt/{profile}.files"])
    say(f"  {label}")
    say("\n".join(f"  {line.strip()}" for line in allowed.splitlines() if "/dev/" in line))
    assert label == f"{profile} (enforce)"
    assert all(f'"{one.path}" rw,' in allowed for one in taken)
    with lab.steps.step("it is deleted, all is available", 240):
        servers.delete(lab, server)
        spaces.wait_until_all_offered(lab)
