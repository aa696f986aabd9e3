"""Start-up and a round in the background on a host whose devices servers have."""

from dataclasses import dataclass

from nova import context

from bench.stage import HOST, Size, Stage, on_stage
from bench.timing import medians_ms
from bench.watching import Watch
from nova_accel import conf
from nova_accel.drivers import loading
from nova_accel.virt import driver as virt_driver
from nova_accel.virt import nova_database
from nova_accel.virt.service import AccelService
from nova_accel.virt.unbacked import Unbacked
from tests.functional import base


@dataclass(frozen=True)
class Rounds:
    """Median times with an SSD and a namespace for each server."""

    servers: int
    start_ms: float
    """From nothing to what Nova's first audit needs: the ledger, a look, and what Nova's database and libvirt say."""
    claims_ms: float
    """What Nova's database says that the servers have."""
    reconcile_ms: float
    """That compared with the ledger."""
    round_ms: float
    """All of it, and the look at the host."""
    allocations_ms: float
    """Once, in the first round: who has all that in Placement."""
    audit_ms: float
    """Nova's own audit, which goes on as often, beside it."""


def measure(servers: int, rounds: int, watch: Watch) -> Rounds:
    """Boot the servers, one after the other, and measure."""

    def act(stage: Stage) -> Rounds:
        flavor = stage.flavor(
            resources1__CUSTOM_SSD="1", resources2__CUSTOM_PMEM_NAMESPACE_6GB="1", group_policy="none"
        )
        for _ in range(servers):
            stage.boot(flavor)
        manager = stage.computes[HOST].manager
        accel = manager.driver._accel
        claims = nova_database.claims(HOST)
        if len(claims.idle) != servers:
            raise RuntimeError(f"{len(claims.idle)} of {servers} servers have their device")
        taken = medians_ms(
            {
                "start": lambda: _start(stage, manager.driver),
                "claims": lambda: nova_database.claims(HOST),
                "reconcile": lambda: accel.reconciler.reconcile(claims, tuple),
                "round": accel.work,
                "allocations": lambda: _ask_placement(accel),
                "audit": lambda: manager.rt.update_available_resource(context.get_admin_context(), HOST),
            },
            max(rounds // 10, 2),
        )
        return Rounds(servers, **{f"{name}_ms": value for name, value in taken.items()})

    return on_stage(Size(servers, servers), watch, act)


def _start(stage: Stage, driver: virt_driver.AccelLibvirtDriver) -> None:
    settings = conf.read(base.CONF)
    service = AccelService(settings, loading.load(settings), stage.machines[HOST], driver._nova_side(HOST))
    service.start(lambda work: None)


def _ask_placement(accel: AccelService) -> None:
    Unbacked(accel.ledger, accel._plans, accel._nova.consumers).ask()
