"""What makes an image of a server, or makes the server anew from one: snapshot, rebuild, shelve."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import servers
from lab.control import image_store
from lab.lab import Lab
from lab.scenario import Chance
from lab.steps import wait_for
from tests.lab.operations import five, tenants
from tests.lab.operations.five import Table
from tests.lab.operations.tenants import Tenant

pytestmark = pytest.mark.full

COLD = {"workarounds": {"disable_libvirt_livesnapshot": "True"}, "nova_accel": {"suspend_with_pmem": "True"}}
KEEP = {"nova_accel": {"on_rebuild": "keep"}}


@pytest.fixture(scope="module")
def tenant(lab: Lab, chance: Chance, table: Table) -> Iterator[Tenant]:
    """A server with an SSD and persistent memory; in the end it is deleted."""
    with lab.steps.step("a server has an SSD and persistent memory and wrote to them", 420):
        tenant = tenants.boot(lab, chance, "model", tenants.SSD_AND_LAB)
    yield tenant
    with lab.steps.step("it is deleted, what it had is clean and offered", 300):
        tenants.delete(lab, tenant)
    table.add("delete after snapshots", five.gone(lab, tenant))


def snapshot(lab: Lab, tenant: Tenant, name: str) -> bytes:
    """Make an image of a server; its content."""
    return content_of(lab, tenant, lab.cloud.snapshot(tenant.server, name))


def content_of(lab: Lab, tenant: Tenant, image: str) -> bytes:
    """The content of an image that is being made of a server, once it is there."""

    def done() -> bool:
        lab.check()
        return str(image_store.record(lab.plane.images, image)["status"]) == "active"

    wait_for(done, 1)
    servers.wait_until_idle(lab, tenant.server)
    return (lab.plane.images / image).read_bytes()


def reads(lab: Lab, tenant: Tenant) -> bool:
    """Whether the running guest reads from its devices what it has written."""
    return tenants.reads_now(lab, tenant) == tuple(sorted(tenant.written))


def test_live_snapshot(lab: Lab, tenant: Tenant, table: Table) -> None:
    booted, before = tenants.boot_id(lab, tenant), servers.qemu_pids(lab)
    with lab.steps.step("live snapshot", 240):
        made = snapshot(lab, tenant, "live")
        assert reads(lab, tenant)
    assert made
    assert tenant.nonce.encode() not in made
    assert (tenants.boot_id(lab, tenant), servers.qemu_pids(lab)) == (booted, before)
    table.add("live snapshot", five.kept(lab, tenant))
    with lab.steps.step("backup", 240):
        asked = lab.cloud.act(tenant.server, "createBackup", {"name": "b", "backup_type": "daily", "rotation": 1})
        made = content_of(lab, tenant, str(asked["image_id"]))
        assert reads(lab, tenant)
    assert made
    assert tenant.nonce.encode() not in made
    table.add("backup", five.kept(lab, tenant))


def test_cold_snapshot(lab: Lab, tenant: Tenant, table: Table) -> None:
    with lab.steps.step("nova-compute makes cold snapshots only", 300):
        lab.restart_compute(COLD)
    booted, before = tenants.boot_id(lab, tenant), servers.qemu_pids(lab)
    with lab.steps.step("cold snapshot", 300):
        made = snapshot(lab, tenant, "cold")
        assert reads(lab, tenant)
    assert made
    assert tenant.nonce.encode() not in made
    assert tenants.boot_id(lab, tenant) == booted
    assert not servers.qemu_pids(lab) & before
    table.add("cold snapshot", five.kept(lab, tenant))
    with lab.steps.step("nova-compute makes live ones again", 300):
        lab.restart_compute()


def test_rebuild_with_clean_devices(lab: Lab, tenant: Tenant, table: Table) -> None:
    boot = tenants.Boot(lab, tenant)
    with lab.steps.step("rebuild, which cleans", 400):
        lab.cloud.act(tenant.server, "rebuild", {"imageRef": tenant.image})
        servers.wait_for_status(lab, tenant.server, "REBUILD")
        servers.wait_for_status(lab, tenant.server, "ACTIVE")
        found = boot.finds()
    assert found == ("", "")
    table.add("rebuild, clean", five.kept(lab, tenant))


def test_rebuild_that_keeps(lab: Lab, tenant: Tenant, table: Table) -> None:
    with lab.steps.step("nova-compute keeps devices as they are in a rebuild", 300):
        lab.restart_compute(KEEP)
    boot = tenants.Boot(lab, tenant)
    with lab.steps.step("rebuild, which keeps", 400):
        lab.cloud.act(tenant.server, "rebuild", {"imageRef": tenant.image})
        servers.wait_for_status(lab, tenant.server, "REBUILD")
        servers.wait_for_status(lab, tenant.server, "ACTIVE")
        found = boot.finds()
    assert found == tenant.written
    table.add("rebuild, keep", five.kept(lab, tenant))
    with lab.steps.step("nova-compute cleans again", 300):
        lab.restart_compute()


def test_shelve_offload_and_unshelve(lab: Lab, chance: Chance, table: Table) -> None:
    with lab.steps.step("a server has devices and wrote to them", 420):
        shelved = tenants.boot(lab, chance, "shelved", tenants.SSD_AND_FAR)
    with lab.steps.step("shelve", 240):
        lab.cloud.act(shelved.server, "shelve")
        servers.wait_for_status(lab, shelved.server, "SHELVED")
    table.add("shelve", five.kept(lab, shelved, state="shut off"))
    with lab.steps.step("offload: what it had is cleaned and offered", 240):
        lab.cloud.act(shelved.server, "shelveOffload")
        servers.wait_for_status(lab, shelved.server, "SHELVED_OFFLOADED")
        tenants.wait_until_clean(lab, shelved)
    table.add("offload", five.gone(lab, shelved, offloaded=True))
    boot = tenants.Boot(lab, shelved, before="")
    with lab.steps.step("unshelve: it finds clean devices", 300):
        lab.cloud.act(shelved.server, "unshelve")
        servers.wait_for_status(lab, shelved.server, "ACTIVE")
        assert boot.finds() == ("", "")
        again = tenants.with_devices(lab, shelved)
    table.add("unshelve", five.kept(lab, again))
    with lab.steps.step("it is deleted", 240):
        tenants.delete(lab, again)
    table.add("delete after unshelve", five.gone(lab, again))
