"""``update_provider_tree`` over a full host on which nothing has changed, beside LibvirtDriver's own."""

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock

from nova import context
from nova.virt.libvirt.driver import LibvirtDriver

from bench.stage import HOST, Size, Stage, on_stage
from bench.timing import medians_ms
from bench.watching import HOST as BORDER
from bench.watching import PLACEMENT, PRIVSEP, PROCESSES, Watch
from nova_accel.virt.driver import AccelLibvirtDriver


@dataclass(frozen=True)
class Audit:
    """What it started, asked and wrote, and its median times."""

    ssds: int
    namespaces: int
    providers: int
    processes_started: int
    privsep_calls: int
    border_calls: int
    placement_writes: int
    """Of a whole audit: update_provider_tree itself writes to nothing but Nova's copy of the tree."""
    libvirt_driver_ms: float
    with_ours_ms: float
    """Ours contains LibvirtDriver's."""
    whole_audit_libvirt_driver_ms: float
    whole_audit_with_ours_ms: float


def measure(size: Size, rounds: int, watch: Watch) -> Audit:
    """Start a host of that size, let it come to rest, and look at what an audit does."""

    def act(stage: Stage) -> Audit:
        manager = stage.computes[HOST].manager
        driver, tracker = manager.driver, manager.rt
        tree = copy.deepcopy(tracker.provider_tree)

        def audit() -> None:
            tracker.update_available_resource(context.get_admin_context(), HOST)

        audit()

        with watch.counting() as counts:
            driver.update_provider_tree(tree, HOST)
        update = Counter(counts)
        with watch.counting() as counts:
            audit()
        taken = medians_ms(
            {
                "theirs": lambda: LibvirtDriver.update_provider_tree(driver, tree, HOST),
                "ours": lambda: driver.update_provider_tree(tree, HOST),
            },
            rounds,
        )
        # Fifty times as long as the call above, and most of it is Placement.
        whole = medians_ms({"theirs": without_ours(audit), "ours": audit}, max(rounds // 5, 2))
        return Audit(
            ssds=size.ssds,
            namespaces=size.namespaces,
            providers=len(stage.our_providers()),
            processes_started=update[PROCESSES],
            privsep_calls=update[PRIVSEP],
            border_calls=update[BORDER],
            placement_writes=update[PLACEMENT] + counts[PLACEMENT],
            libvirt_driver_ms=taken["theirs"],
            with_ours_ms=taken["ours"],
            whole_audit_libvirt_driver_ms=whole["theirs"],
            whole_audit_with_ours_ms=whole["ours"],
        )

    return on_stage(size, watch, act)


def without_ours(audit: Callable[[], None]) -> Callable[[], None]:
    """The same with a driver that is LibvirtDriver only; our providers stay in the tree as somebody's."""

    def alone() -> None:
        with mock.patch.object(AccelLibvirtDriver, "update_provider_tree", LibvirtDriver.update_provider_tree):
            audit()

    return alone
