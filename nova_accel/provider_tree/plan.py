"""Computes what providers there should be. Pure: the same facts give the same plan."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from nova_accel.discovery import Candidate, Snapshot
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Entry
from nova_accel.model import HandleId
from nova_accel.provider_tree import names


@dataclass(frozen=True)
class ProviderPlan:
    """One resource provider below the compute node."""

    name: str
    uuid: str
    resource_class: str
    total: int
    reserved: int
    """Handles that nobody may get now and that back no allocation."""
    traits: frozenset[str] | None
    """None while the device is away: then the traits that are there stay."""
    resources: frozenset[HandleId]
    """What Nova may hand out, and what it has handed out; nothing else."""


@dataclass(frozen=True)
class _Standing:
    entry: Entry
    offered: bool
    backs_allocation: bool


def plan(
    node: str,
    snapshot: Snapshot,
    entries: Mapping[HandleId, Entry],
    claimed: Collection[HandleId] | None,
) -> tuple[ProviderPlan, ...]:
    """Compute the providers for every handle that was ever offered, present or not.

    :param node: name of the compute node's own provider
    :param snapshot: the last look at the host
    :param entries: the ledger
    :param claimed: the handles that Nova's resource tracker counts as given out; None while it does not know yet, then those
        that the ledger knows as assigned
    """
    candidates = snapshot.by_handle()
    by_provider: dict[tuple[str, str], list[_Standing]] = defaultdict(list)
    for handle, entry in sorted(entries.items()):
        assigned = entry.state is State.ASSIGNED if claimed is None else handle in claimed
        candidate = candidates.get(handle)
        free = entry.state is State.AVAILABLE and candidate is not None and candidate.verdict.eligible
        by_provider[entry.provider, handle.resource_class].append(_Standing(entry, free, assigned))
    return tuple(
        _provider(names.provider(node, suffix), resource_class, standings, candidates)
        for (suffix, resource_class), standings in by_provider.items()
    )


def _provider(
    name: str, resource_class: str, standings: list[_Standing], candidates: Mapping[HandleId, Candidate]
) -> ProviderPlan:
    return ProviderPlan(
        name=name,
        uuid=names.provider_uuid(name),
        resource_class=resource_class,
        total=len(standings),
        reserved=sum(not one.offered and not one.backs_allocation for one in standings),
        traits=_traits(standings, candidates),
        resources=frozenset(one.entry.handle for one in standings if one.offered or one.backs_allocation),
    )


def _traits(standings: list[_Standing], candidates: Mapping[HandleId, Candidate]) -> frozenset[str] | None:
    present = [candidates[one.entry.handle].device for one in standings if one.entry.handle in candidates]
    parts = [part for device in present if device is not None for part in device.deployables]
    return frozenset[str]().union(*(part.traits for part in parts)) if parts else None
