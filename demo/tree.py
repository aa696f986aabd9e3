"""The provider tree as Placement has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from demo.stage import Api

SSD_CLASS = "CUSTOM_SSD"
PMEM_PREFIX = "CUSTOM_PMEM_NAMESPACE_"


@dataclass(frozen=True)
class Provider:
    """A resource provider with what Placement knows about it."""

    uuid: str
    name: str
    parent: str | None
    inventories: Mapping[str, Mapping[str, Any]]
    usages: Mapping[str, int]
    traits: frozenset[str]

    @property
    def is_ours(self) -> bool:
        """Whether nova_accel made it."""
        return "_accel_" in self.name

    @property
    def is_ssd(self) -> bool:
        """Whether it is one of ours for an SSD."""
        return SSD_CLASS in self.inventories

    @property
    def free_units(self) -> int:
        """How many units of our classes the next server may have."""
        return sum(
            int(one["total"]) - int(one["reserved"]) - self.usages.get(name, 0)
            for name, one in self.inventories.items()
            if is_our_class(name)
        )

    @property
    def offer(self) -> tuple[object, ...]:
        """What a server can ask for."""
        units = {name: (one["total"], one["reserved"]) for name, one in self.inventories.items()}
        return self.name, units, self.traits


def read(placement: Api) -> list[Provider]:
    """All resource providers, roots before their children."""
    listed = placement("GET", "/resource_providers")["resource_providers"]
    found = [_provider(placement, one) for one in listed]
    return sorted(found, key=lambda one: (one.parent is not None, one.name))


def _provider(placement: Api, listed: Mapping[str, Any]) -> Provider:
    at = f"/resource_providers/{listed['uuid']}"
    return Provider(
        uuid=listed["uuid"],
        name=listed["name"],
        parent=listed["parent_provider_uuid"],
        inventories=placement("GET", f"{at}/inventories")["inventories"],
        usages=placement("GET", f"{at}/usages")["usages"],
        traits=frozenset(placement("GET", f"{at}/traits")["traits"]),
    )


def ours(found: list[Provider]) -> list[Provider]:
    """Those that nova_accel made."""
    return [one for one in found if one.is_ours]


def free(found: list[Provider]) -> int:
    """How many devices the next servers may have."""
    return sum(one.free_units for one in ours(found))


def is_our_class(name: str) -> bool:
    """Whether nova_accel offers this resource class."""
    return name == SSD_CLASS or name.startswith(PMEM_PREFIX)
