"""libvirt-guests saves guests as the host shuts down and starts them before nova-compute: each has its own devices or waits for Nova."""

from __future__ import annotations

import pytest

from lab import domain, servers
from lab.lab import Lab
from lab.scenario import Chance
from lab.steps import say
from tests.lab.operations import five, tenants
from tests.lab.operations.five import Table

pytestmark = pytest.mark.full

FAR = {f"resources1:{tenants.PREFIX}FAR": "1"}
RESUME = {"DEFAULT": {"resume_guests_state_on_host_boot": "True"}}
LIST = "/var/lib/libvirt/libvirt-guests"


def libvirt_guests(lab: Lab, what: str) -> str:
    """Do what the service does as the host shuts down, or boots: ``stop`` or ``start``; what it said."""
    lab.machine.channel.run(
        "mkdir -p /etc/default; cat > /etc/default/libvirt-guests",
        given="URIS=qemu:///system\nON_BOOT=start\nON_SHUTDOWN=suspend\nPARALLEL_SHUTDOWN=0\n",
    )
    done = lab.machine.channel.try_run(f"/usr/lib/libvirt/libvirt-guests.sh {what} 2>&1", limit_s=300)
    say(f"  libvirt-guests {what}, status {done.status}:\n{done.out}")
    return done.out


def test_guests_that_libvirt_guests_saves_and_starts_keep_their_devices(lab: Lab, chance: Chance, table: Table) -> None:
    with lab.steps.step("one server has an SSD, one persistent memory, and both wrote to it", 600):
        with_ssd = tenants.boot(lab, chance, "with-ssd", tenants.ONE_SSD)
        with_memory = tenants.boot(lab, chance, "with-memory", FAR)
    both = (with_ssd, with_memory)
    boots = [tenants.Boot(lab, tenant) for tenant in both]
    with lab.steps.step("L1 shuts down: nova-compute ends, then libvirt-guests saves what it can", 300):
        lab.compute.stop()
        libvirt_guests(lab, "stop")
        assert all(tenant.server in lab.machine.channel.run(["cat", LIST]) for tenant in both)
        assert domain.state(lab.machine, with_memory.server) == "shut off"
    with lab.steps.step("L1 boots, and libvirt-guests starts what it had noted", 300):
        lab.reboot_l1(RESUME)
        libvirt_guests(lab, "start")
        states = [domain.state(lab.machine, tenant.server) for tenant in both]
    say(f"  before nova-compute starts, the guests are: {states}")
    # vfio-pci has no SSD and /dev no stable path before nova-compute has looked whose is whose.
    assert states == ["shut off", "shut off"]
    with lab.steps.step("nova-compute starts them with their own devices", 600):
        lab.start_compute()
        for tenant, boot in zip(both, boots, strict=True):
            servers.wait_for_status(lab, tenant.server, "ACTIVE")
            assert boot.finds() == tenant.written
    for tenant, name in zip(both, ("SSD", "memory"), strict=True):
        table.add(f"libvirt-guests, {name}", five.kept(lab, tenant))
    with lab.steps.step("they are deleted, and nova-compute as before", 500):
        for tenant in both:
            tenants.delete(lab, tenant)
        lab.restart_compute()
    for tenant, name in zip(both, ("SSD", "memory"), strict=True):
        table.add(f"delete after that, {name}", five.gone(lab, tenant))
