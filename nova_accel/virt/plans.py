"""Keeps the plan of each node's providers as long as nothing that it was made of has changed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from nova_accel.discovery.candidate import Snapshot
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from nova_accel.provider_tree import names
from nova_accel.provider_tree.plan import ProviderPlan, plan


@dataclass(frozen=True)
class _Basis:
    """What a plan was made of."""

    snapshot: Snapshot
    revision: int
    heard: int
    claimed: frozenset[HandleId] | None
    unbacked: frozenset[HandleId]

    def is_same_as(self, other: "_Basis") -> bool:
        """Whether the plan would be the same. Snapshots are large, and a new look makes a new one."""
        same_look = self.snapshot is other.snapshot
        same_ledger = (self.revision, self.heard) == (other.revision, other.heard)
        return same_look and same_ledger and (self.claimed, self.unbacked) == (other.claimed, other.unbacked)


class Plans:
    """The last plan of each node."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._plans: dict[str, tuple[_Basis, tuple[ProviderPlan, ...]]] = {}
        self.unbacked: frozenset[HandleId] = frozenset()
        """What servers keep although no allocation stands for it in Placement."""
        self.heard = 0
        """How often an operator had said something, by another process' write, when that was last noticed."""

    def of(self, node: str, snapshot: Snapshot, claimed: Collection[HandleId] | None) -> tuple[ProviderPlan, ...]:
        """What providers there should be; see :func:`nova_accel.provider_tree.plan.plan`."""
        given_out = None if claimed is None else frozenset(claimed)
        basis = _Basis(snapshot, self._ledger.revision, self.heard, given_out, self.unbacked)
        known = self._plans.get(node)
        if known is None or not known[0].is_same_as(basis):
            known = basis, plan(node, snapshot, self._ledger.entries(), basis.claimed, basis.unbacked)
            self._plans[node] = known
        return known[1]

    @property
    def are_known(self) -> bool:
        """Whether Nova has asked for one."""
        return bool(self._plans)

    def providers_of(self, entry: Entry) -> Mapping[str, str]:
        """Uuid of the provider that has a handle, by node."""
        return {node: names.provider_uuid(names.provider(node, entry.provider)) for node in self._plans}
