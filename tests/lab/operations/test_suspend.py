"""Suspend and resume of a server with an SSD: its guest lets go of it, keeps its data, and gets it back."""

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

pytestmark = pytest.mark.full

IMPATIENT = {"libvirt": {"device_detach_attempts": "2", "device_detach_timeout": "8"}}
NO_HOT_PLUG = "acpiphp.disable=1 pcie_ports=compat"


@pytest.fixture(scope="module")
def tenant(lab: Lab, chance: Chance, table: Table) -> Iterator[Tenant]:
    """A server with an SSD; in the end it is deleted."""
    with lab.steps.step("a server has an SSD and wrote to it", 420):
        tenant = tenants.boot(lab, chance, "sleeper", tenants.ONE_SSD)
    yield tenant
    with lab.steps.step("it is deleted, what it had is clean and offered", 300):
        tenants.delete(lab, tenant)
    table.add("delete after suspend", five.gone(lab, tenant))


def suspend(lab: Lab, tenant: Tenant) -> None:
    """Suspend a server."""
    lab.cloud.act(tenant.server, "suspend")
    servers.wait_for_status(lab, tenant.server, "SUSPENDED")


def resume(lab: Lab, tenant: Tenant) -> None:
    """Resume a server."""
    lab.cloud.act(tenant.server, "resume")
    servers.wait_for_status(lab, tenant.server, "ACTIVE")


def test_suspend_and_resume(lab: Lab, tenant: Tenant, table: Table) -> None:
    booted = tenants.boot_id(lab, tenant)
    with lab.steps.step("suspend", 180):
        suspend(lab, tenant)
    table.add("suspend", five.kept(lab, tenant, state="shut off", attached=False))
    with lab.steps.step("resume", 180):
        resume(lab, tenant)
        assert tenants.reads_now(lab, tenant) == tenant.written
    assert tenants.boot_id(lab, tenant) == booted
    table.add("resume", five.kept(lab, tenant))


def test_resume_right_after_a_restart_of_nova_compute(lab: Lab, tenant: Tenant, table: Table) -> None:
    booted = tenants.boot_id(lab, tenant)
    with lab.steps.step("suspend once more", 180):
        suspend(lab, tenant)
    with lab.steps.step("nova-compute restarts, and the server is resumed", 400):
        lab.restart_compute()
        table.add("restart while suspended", five.kept(lab, tenant, state="shut off", attached=False))
        resume(lab, tenant)
        assert tenants.reads_now(lab, tenant) == tenant.written
    assert tenants.boot_id(lab, tenant) == booted
    table.add("resume after restart", five.kept(lab, tenant))


def test_delete_while_suspended(lab: Lab, chance: Chance, table: Table) -> None:
    with lab.steps.step("another server has an SSD and is suspended", 420):
        other = tenants.boot(lab, chance, "sleeping", tenants.ONE_SSD)
        suspend(lab, other)
    with lab.steps.step("it is deleted as it sleeps", 240):
        tenants.delete(lab, other)
    table.add("delete while suspended", five.gone(lab, other))


def test_a_guest_that_does_not_let_go_goes_on_as_before(lab: Lab, chance: Chance, table: Table) -> None:
    with lab.steps.step("a server has an SSD that its guest does not give away", 420):
        lab.restart_compute(IMPATIENT)
        stubborn = tenants.boot(lab, chance, "stubborn", tenants.ONE_SSD, NO_HOT_PLUG)
    with lab.steps.step("it is not suspended", 240):
        lab.cloud.act(stubborn.server, "suspend")
        # Nova's API shows the server as it was before it shows what went wrong.
        said = wait_for(lambda: lab.cloud.failures(stubborn.server), 1, lab.check)
        servers.wait_until_idle(lab, stubborn.server)
    say("\n".join(f"  {one}" for one in said))
    assert lab.cloud.status(stubborn.server) == "ACTIVE"
    with lab.steps.step("it reads its SSD", 120):
        assert tenants.reads_now(lab, stubborn) == stubborn.written
    table.add("suspend that failed", five.kept(lab, stubborn))
    with lab.steps.step("it is deleted", 240):
        tenants.delete(lab, stubborn)
    table.add("delete after that", five.gone(lab, stubborn))
    with lab.steps.step("nova-compute is patient again", 300):
        lab.restart_compute()
