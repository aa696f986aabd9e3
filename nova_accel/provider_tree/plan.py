"""Computes what providers there should be. Pure: the same facts give the same plan."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from nova_accel.discovery.candidate import Candidate, Snapshot
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.model import HandleId
from nova_accel.provider_tree import names


@dataclass(frozen=True)
class ClassPlan:
    """One resource class of a provider."""

    total: int
    reserved: int
    """Handles that nobody may get now and that back no allocation."""
    resources: frozenset[HandleId]
    """What Nova may hand out, and what it has handed out; nothing else."""


@dataclass(frozen=True)
class ProviderPlan:
    """One resource provider below the compute node."""

    name: str
    uuid: str
    classes: Mapping[str, ClassPlan]
    traits: frozenset[str] | None
    """None while the device is away: then the traits that are there stay."""


@dataclass(frozen=True)
class _Standing:
    entry: Entry
    offered: bool
    claimed: bool
    backs_allocation: bool


def plan(
    node: str,
    snapshot: Snapshot,
    entries: Mapping[HandleId, Entry],
    claimed: Collection[HandleId] | None,
    unbacked: Collection[HandleId] = (),
) -> tuple[ProviderPlan, ...]:
    """Compute the providers for every handle that is here or given out.

    What is in Nova's tree and not in the plan has vanished; :mod:`nova_accel.provider_tree.apply` says what becomes of it.

    :param node: name of the compute node's own provider
    :param snapshot: the last look at the host
    :param entries: the ledger
    :param claimed: the handles that Nova's resource tracker counts as given out; None while it does not know yet, then those
        that the ledger knows as assigned
    :param unbacked: those among them that no allocation stands for in Placement
    """
    candidates = snapshot.by_handle()
    by_provider: dict[str, list[_Standing]] = defaultdict(list)
    for handle, entry in sorted(entries.items()):
        has = entry.state is State.ASSIGNED if claimed is None else handle in claimed
        if handle in candidates or has or entry.state is State.ASSIGNED:
            offered = _is_offered(entry, candidates.get(handle))
            by_provider[entry.provider].append(_Standing(entry, offered, has, has and handle not in unbacked))
    return tuple(_provider(node, suffix, standings, candidates) for suffix, standings in by_provider.items())


def _is_offered(entry: Entry, candidate: Candidate | None) -> bool:
    clean = entry.state is State.AVAILABLE and entry.drained is None
    return clean and candidate is not None and candidate.verdict.eligible


def _provider(
    node: str, suffix: str, standings: list[_Standing], candidates: Mapping[HandleId, Candidate]
) -> ProviderPlan:
    name = names.provider(node, suffix)
    by_class: dict[str, list[_Standing]] = defaultdict(list)
    for one in standings:
        by_class[one.entry.handle.resource_class].append(one)
    return ProviderPlan(
        name=name,
        uuid=names.provider_uuid(name),
        classes={resource_class: _class(ones) for resource_class, ones in by_class.items()},
        traits=_traits(standings, candidates),
    )


def _class(standings: list[_Standing]) -> ClassPlan:
    return ClassPlan(
        total=len(standings),
        reserved=sum(not one.offered and not one.backs_allocation for one in standings),
        resources=frozenset(one.entry.handle for one in standings if one.offered or one.claimed),
    )


def _traits(standings: list[_Standing], candidates: Mapping[HandleId, Candidate]) -> frozenset[str] | None:
    parts = [candidates[one.entry.handle].deployable for one in standings if one.entry.handle in candidates]
    traits = [part.traits for part in parts if part is not None]
    return frozenset[str]().union(*traits) if traits else None
