"""What 8 handles add to ``_get_guest_config``, which every boot, start and hard reboot of a server goes through."""

from dataclasses import dataclass
from typing import Any
from unittest import mock

from nova.virt.libvirt.driver import LibvirtDriver

from bench.stage import Size, Stage, on_stage
from bench.timing import medians_ms
from bench.watching import Watch
from nova_accel.virt.driver import AccelLibvirtDriver


@dataclass(frozen=True)
class GuestConfig:
    """Median times for one server."""

    ssds: int
    namespaces: int
    libvirt_driver_ms: float
    with_ours_ms: float


def measure(size: Size, rounds: int, watch: Watch) -> GuestConfig:
    """Boot a server that takes all of a host of that size, and make its configuration again and again."""

    def act(stage: Stage) -> GuestConfig:
        with mock.patch.object(AccelLibvirtDriver, "_get_guest_config", remember):
            stage.boot(flavor(stage, size))
        [(driver, arguments, options)] = calls
        taken = medians_ms(
            {
                "theirs": lambda: LibvirtDriver._get_guest_config(driver, *arguments, **options),
                "ours": lambda: driver._get_guest_config(*arguments, **options),
            },
            rounds,
        )
        return GuestConfig(size.ssds, size.namespaces, taken["theirs"], taken["ours"])

    def remember(driver: AccelLibvirtDriver, *arguments: Any, **options: Any) -> Any:
        calls.append((driver, arguments, options))
        return make(driver, *arguments, **options)

    make = AccelLibvirtDriver._get_guest_config
    calls: list[tuple[AccelLibvirtDriver, tuple[Any, ...], dict[str, Any]]] = []
    return on_stage(size, watch, act)


def flavor(stage: Stage, size: Size) -> Any:
    """One numbered group for each handle.

    Each SSD is named by its NUMA node: Placement would go through all ways to give 8 groups 8 providers, which are 16 million.
    """
    wanted = ["CUSTOM_SSD"] * size.ssds + ["CUSTOM_PMEM_NAMESPACE_6GB"] * size.namespaces
    groups = {f"resources{number}:{name}": "1" for number, name in enumerate(wanted)}
    nodes = {f"trait{number}:CUSTOM_NUMA_NODE_{number}": "required" for number in range(size.ssds)}
    return stage.flavor(**groups, **nodes, group_policy="none")
