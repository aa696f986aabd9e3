"""A host that comes back with its devices at other addresses: whoever starts a guest then, it gets its own or does not start."""

from __future__ import annotations

import dataclasses

import pytest

from lab import domain, ledger, servers, shapes
from lab.lab import Lab
from lab.scenario import Chance, Ssd
from lab.steps import say, wait_for
from tests.lab import spaces
from tests.lab.operations import five, tenants
from tests.lab.operations.five import Table
from tests.lab.operations.tenants import Tenant

pytestmark = pytest.mark.full

ALL_OF_LAB = tenants.ONE_SSD | {"hw:pmem": "LAB,LAB,LAB"}
RESUME = {"DEFAULT": {"resume_guests_state_on_host_boot": "True"}}
VIRSH = ("virsh", "-c", "qemu:///system")


def make_again(lab: Lab, name: str) -> None:
    """Destroy a namespace and make it again: it has another name until the host boots, and then maybe yet another one."""
    space = spaces.look(lab)[name]
    size = next(one.size_mib for dimm in lab.wish.scenario.nvdimms for one in dimm.namespaces if one.name == name)
    region = f"region{space.dev.removeprefix('namespace').partition('.')[0]}"
    lab.machine.channel.run(f"ndctl destroy-namespace --force {space.dev}")
    lab.machine.channel.run(f"ndctl create-namespace -m devdax -a 2M -n {name} -s {size}M -r {region}")


def is_available(lab: Lab, uuid: str) -> bool:
    """Whether the ledger has a namespace as clean and with no server."""
    known = ledger.read(lab.machine).handles.get(uuid)
    return known is not None and known.state == "available"


def has_its_own(lab: Lab, tenant: Tenant) -> bool:
    """Whether a running guest has the tenant's devices, by what L1 itself shows of them now."""
    at = {one.address: one.serial for one in shapes.controllers(lab.machine)}
    serials = [at.get(address, address) for address in domain.hostdev_addresses(lab.machine, tenant.server)]
    uuids = {one.path: one.uuid for one in spaces.look(lab).values()}
    paths = [one.path for one in domain.nvdimms(lab.machine, tenant.server)]
    has = [uuids.get(lab.machine.channel.run(["readlink", "-f", path]).strip(), path) for path in paths]
    say(f"  it runs with {serials} and {has}")
    return serials == [ssd.serial for ssd in tenant.ssds] and has == [space.uuid for space in tenant.spaces]


def test_a_guest_that_libvirt_starts_before_nova_compute_has_its_own_devices_or_does_not_start(
    lab: Lab, chance: Chance, table: Table
) -> None:
    with lab.steps.step("a namespace is made again, and all are offered", 300):
        make_again(lab, "ns0")
        # The old one counts in Placement until the next look, so the new one is waited for by what it is.
        new = spaces.look(lab)["ns0"].uuid
        wait_for(
            lambda: is_available(lab, new) and spaces.offered(lab, "LAB") == len(spaces.look(lab)) - 1, 3, lab.check
        )
    with lab.steps.step("a server has an SSD and three namespaces, and libvirt starts it by itself", 420):
        tenant = tenants.boot(lab, chance, "early", ALL_OF_LAB)
        lab.machine.channel.run([*VIRSH, "autostart", tenant.server])
    table.add("boot with hw:pmem", five.kept(lab, tenant))
    before = {one.name: one.path for one in spaces.look(lab).values()}
    boot, places = tenants.Boot(lab, tenant), [lab.wish.scenario.ssd(name) for name in ("free", "far")]
    with lab.steps.step("L1 loses its power, its SSDs change places, L1 boots", 300):
        lab.reboot_l1(RESUME, exchanged(lab, "free", "far"))
        state = domain.state(lab.machine, tenant.server)
    say(f"  namespaces: {before}, then { {one.name: one.path for one in spaces.look(lab).values()} }")
    say(f"  before nova-compute starts, the guest is: {state}")
    assert state == "shut off" or has_its_own(lab, tenant)
    with lab.steps.step("nova-compute starts, and the guest with its own devices", 500):
        lab.start_compute()
        servers.wait_for_status(lab, tenant.server, "ACTIVE")
        assert boot.finds() == tenant.written
    where = ledger.read(lab.machine).addresses
    say(f"  SSDs: { {ssd.name: where.get(ssd.serial) for ssd in tenant.ssds} }")
    table.add("autostart, devices moved", five.kept(lab, moved(lab, tenant)))
    with lab.steps.step("it is deleted", 300):
        tenants.delete(lab, tenant)
    table.add("delete after that", five.gone(lab, moved(lab, tenant)))
    # Far away a slot takes longer to notice what is put into it, and other tests do not wait for that.
    with lab.steps.step("the SSDs are back in their places", 500):
        lab.reboot_l1(moved=places)
        lab.start_compute()


def exchanged(lab: Lab, one: str, other: str) -> list[Ssd]:
    """Two SSDs, each in the other's place."""
    first, second = lab.wish.scenario.ssd(one), lab.wish.scenario.ssd(other)
    return [dataclasses.replace(first, place=second.place), dataclasses.replace(second, place=first.place)]


def moved(lab: Lab, tenant: Tenant) -> Tenant:
    """A tenant with its namespaces as they are now called."""
    now = spaces.look(lab)
    return dataclasses.replace(tenant, spaces=tuple(now[space.name] for space in tenant.spaces))
