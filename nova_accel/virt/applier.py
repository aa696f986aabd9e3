"""Applies plans to Nova's tree, and knows when there is nothing to do.

Nova asks for an update several times for each server, mostly with nothing new. Comparing our providers with what the update before
left costs a small part of applying, whose every look at a provider is a deep copy.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nova_accel.provider_tree import apply
from nova_accel.provider_tree.apply import Leftover
from nova_accel.provider_tree.plan import ProviderPlan


@dataclass(frozen=True)
class _Standing:
    """One provider of ours as an update left it."""

    uuid: str
    inventory: Any
    traits: frozenset[str]
    resources: dict[str, frozenset[str]]
    """Identifiers by resource class."""


@dataclass(frozen=True)
class _Done:
    plans: Sequence[ProviderPlan]
    claimed: frozenset[tuple[str, str, str]]
    unused: frozenset[Leftover]
    leftovers: frozenset[Leftover]
    standings: tuple[_Standing, ...]


class Applier:
    """Remembers for each node what the last update left."""

    def __init__(self, children: Callable[[Any, str], Mapping[str, Any]]) -> None:
        """Remember nothing yet.

        :param children: gives the providers below a node of a tree by uuid, without copying them, to be read only
        """
        self._children = children
        self._done: dict[str, _Done] = {}

    def apply(
        self, tree: Any, node: str, plans: Sequence[ProviderPlan], claimed: Collection[Any], unused: frozenset[Leftover]
    ) -> frozenset[Leftover]:
        """See :func:`nova_accel.provider_tree.apply.apply`; the same plans have to be the same object to be known again."""
        ids = frozenset((one.provider_uuid, one.resource_class, one.identifier) for one in claimed)
        done = self._done.get(node)
        if done is not None and done.plans is plans and (done.claimed, done.unused) == (ids, unused):
            # Last, because it takes longest.
            there = self._children(tree, node)
            if all(_stands(there.get(one.uuid), one) for one in done.standings):
                return done.leftovers
        leftovers = apply.apply(tree, node, plans, claimed, unused)
        standings = tuple(self._standing(tree, uuid) for uuid in apply.ours(tree, node))
        self._done[node] = _Done(plans, ids, unused, leftovers, standings)
        return leftovers

    def _standing(self, tree: Any, uuid: str) -> _Standing:
        data = tree.data(uuid)
        return _Standing(uuid, data.inventory, frozenset(data.traits), _identifiers(data.resources))


def _stands(provider: Any, standing: _Standing) -> bool:
    return bool(
        provider is not None
        and provider.inventory == standing.inventory
        and provider.traits == standing.traits
        and _identifiers(provider.resources) == standing.resources
    )


def _identifiers(resources: Any) -> dict[str, frozenset[str]]:
    return {name: frozenset(one.identifier for one in ones) for name, ones in resources.items()}
