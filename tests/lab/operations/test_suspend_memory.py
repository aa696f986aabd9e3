"""Suspend and resume of a server with an SSD and persistent memory, where the operator allows that all of the memory is saved."""

from __future__ import annotations

import pytest

from lab import domain, servers
from lab.lab import Lab
from lab.scenario import Chance
from lab.steps import say, wait_for
from tests.lab import spaces
from tests.lab.operations import five, tenants
from tests.lab.operations.five import Table
from tests.lab.operations.tenants import Tenant
from tests.lab.operations.test_suspend import resume, suspend

pytestmark = pytest.mark.full

ALLOWED = {"nova_accel": {"suspend_with_pmem": "True"}}
SAVED = "/var/lib/libvirt/qemu/save"
VIRSH = "virsh -c qemu:///system"


def name_another_path(lab: Lab, tenant: Tenant, path: str) -> None:
    """Put the path of another namespace into what libvirt saved, as if the kernel had exchanged their numbers since."""
    (own,) = domain.saved_paths(lab.machine, tenant.server)
    lab.machine.channel.run(
        f"{VIRSH} managedsave-dumpxml {tenant.server} --security-info | sed s,{own},{path}, > /run/saved.xml && "
        f"{VIRSH} managedsave-define {tenant.server} /run/saved.xml"
    )
    assert domain.saved_paths(lab.machine, tenant.server) == [path]


def test_suspend_and_resume_by_option(lab: Lab, chance: Chance, table: Table) -> None:
    with lab.steps.step("nova-compute lets persistent memory be saved", 300):
        lab.restart_compute(ALLOWED)
    with lab.steps.step("a server has an SSD and persistent memory and wrote to them", 420):
        tenant = tenants.boot(lab, chance, "saved", tenants.SSD_AND_FAR)
    booted = tenants.boot_id(lab, tenant)
    with lab.steps.step("without room it is not suspended", 240):
        lab.machine.channel.run(f"mount -t tmpfs -o size=64m,mode=755 none {SAVED}")
        lab.cloud.act(tenant.server, "suspend")
        said = wait_for(lambda: lab.cloud.failures(tenant.server), 1, lab.check)
        servers.wait_until_idle(lab, tenant.server)
        lab.machine.channel.run(f"umount {SAVED}")
    say("\n".join(f"  {one}" for one in said))
    table.add("suspend without room", five.kept(lab, tenant))
    with lab.steps.step("with room it is", 300):
        suspend(lab, tenant)
    say(lab.machine.channel.run(f"ls -ls {SAVED}"))
    table.add("suspend with memory", five.kept(lab, tenant, state="shut off", attached=False))
    others = [one for one in spaces.look(lab).values() if one.uuid not in tenant.identities and one.is_zero]
    with lab.steps.step("what was saved names another namespace, and it is resumed with its own", 400):
        lab.restart_compute(ALLOWED)
        name_another_path(lab, tenant, others[0].path)
        resume(lab, tenant)
        assert tenants.reads_now(lab, tenant) == tuple(sorted(tenant.written))
    assert tenants.boot_id(lab, tenant) == booted
    assert all(one.is_zero for one in others)
    table.add("resume with memory", five.kept(lab, tenant))
    with lab.steps.step("it is deleted, and nova-compute as before", 500):
        tenants.delete(lab, tenant)
        lab.restart_compute()
    table.add("delete after that", five.gone(lab, tenant))
