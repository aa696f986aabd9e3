"""What starts and stops a guest leaves its devices and their content as they are: one server goes through all of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import servers
from lab.lab import Lab
from lab.scenario import Chance
from lab.steps import say, wait_for
from tests.lab.operations import five, tenants
from tests.lab.operations.five import Table
from tests.lab.operations.tenants import Tenant
from tests.lab.ssds import told

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def tenant(lab: Lab, chance: Chance, table: Table) -> Iterator[Tenant]:
    """A server with an SSD and two namespaces; in the end it is deleted."""
    with lab.steps.step("a server has an SSD and two namespaces and wrote to them", 420):
        tenant = tenants.boot(lab, chance, "power", tenants.SSD_LAB_AND_FAR)
    table.add("boot", five.kept(lab, tenant))
    yield tenant
    with lab.steps.step("it is deleted, what it had is clean and offered", 300):
        tenants.delete(lab, tenant)
    table.add("delete", five.gone(lab, tenant))


def test_stop_and_start(lab: Lab, tenant: Tenant, table: Table) -> None:
    boot = tenants.Boot(lab, tenant)
    with lab.steps.step("stop", 120):
        lab.cloud.act(tenant.server, "os-stop")
        servers.wait_for_status(lab, tenant.server, "SHUTOFF")
    table.add("stop", five.kept(lab, tenant, state="shut off"))
    with lab.steps.step("start", 240):
        lab.cloud.act(tenant.server, "os-start")
        servers.wait_for_status(lab, tenant.server, "ACTIVE")
        assert boot.finds() == tenant.written
    table.add("start", five.kept(lab, tenant))


def test_soft_reboot(lab: Lab, tenant: Tenant, table: Table) -> None:
    boot = tenants.Boot(lab, tenant)
    with lab.steps.step("soft reboot", 300):
        lab.cloud.act(tenant.server, "reboot", {"type": "SOFT"})
        servers.wait_for_status(lab, tenant.server, "ACTIVE")
        assert boot.finds() == tenant.written
    assert told(lab, "shutdown successfully", tenant.server)
    assert not told(lab, "Failed to soft reboot", tenant.server)
    table.add("soft reboot", five.kept(lab, tenant))


def test_hard_reboot(lab: Lab, tenant: Tenant, table: Table) -> None:
    boot = tenants.Boot(lab, tenant)
    with lab.steps.step("hard reboot", 300):
        lab.cloud.act(tenant.server, "reboot", {"type": "HARD"})
        servers.wait_for_status(lab, tenant.server, "ACTIVE")
        assert boot.finds() == tenant.written
    table.add("hard reboot", five.kept(lab, tenant))


def test_pause_and_unpause(lab: Lab, tenant: Tenant, table: Table) -> None:
    with lab.steps.step("pause", 60):
        lab.cloud.act(tenant.server, "pause")
        servers.wait_for_status(lab, tenant.server, "PAUSED")
    table.add("pause", five.kept(lab, tenant, state="paused"))
    with lab.steps.step("unpause", 120):
        lab.cloud.act(tenant.server, "unpause")
        servers.wait_for_status(lab, tenant.server, "ACTIVE")
        assert tenants.reads_now(lab, tenant) == tenant.written
    table.add("unpause", five.kept(lab, tenant))


def test_restart_of_nova_compute(lab: Lab, tenant: Tenant, table: Table) -> None:
    before = servers.qemu_pids(lab)
    with lab.steps.step("nova-compute is stopped and started", 300):
        lab.compute.stop()
        lab.start_compute()
        assert tenants.reads_now(lab, tenant) == tenant.written
    assert servers.qemu_pids(lab) == before != frozenset()
    table.add("nova-compute restart", five.kept(lab, tenant))


def test_suspend_is_refused_for_persistent_memory(lab: Lab, tenant: Tenant, table: Table) -> None:
    with lab.steps.step("suspend is refused", 120):
        lab.cloud.act(tenant.server, "suspend")
        # Nova's API shows the server as it was before it shows what went wrong.
        said = wait_for(lambda: lab.cloud.failures(tenant.server), 1, lab.check)
        servers.wait_until_idle(lab, tenant.server)
        assert lab.cloud.status(tenant.server) == "ACTIVE"
        assert tenants.reads_now(lab, tenant) == tenant.written
    say("\n".join(f"  {one}" for one in said))
    assert said
    table.add("suspend, refused", five.kept(lab, tenant))


def test_rescue_and_unrescue(lab: Lab, tenant: Tenant, table: Table) -> None:
    boot = tenants.Boot(lab, tenant)
    with lab.steps.step("rescue", 300):
        # Nova boots it with a command line of its own, so our program in the guest is not told what to look for.
        lab.cloud.act(tenant.server, "rescue", {"rescue_image_ref": tenant.image})
        servers.wait_for_status(lab, tenant.server, "RESCUE")
    table.add("rescue", five.kept(lab, tenant))
    with lab.steps.step("unrescue", 300):
        lab.cloud.act(tenant.server, "unrescue")
        servers.wait_for_status(lab, tenant.server, "ACTIVE")
        assert boot.finds() == tenant.written
    table.add("unrescue", five.kept(lab, tenant))


def test_power_loss_of_the_host_with_guests_resumed(lab: Lab, tenant: Tenant, table: Table) -> None:
    boot = tenants.Boot(lab, tenant)
    with lab.steps.step("L1 loses its power and boots again", 240):
        lab.reboot_l1({"DEFAULT": {"resume_guests_state_on_host_boot": "True"}})
    with lab.steps.step("nova-compute starts again", 300):
        lab.start_compute()
    with lab.steps.step("and so does its guest", 300):
        servers.wait_for_status(lab, tenant.server, "ACTIVE")
        assert boot.finds() == tenant.written
    table.add("host reboot", five.kept(lab, tenant))
