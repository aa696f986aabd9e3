"""Laws of the plan in Nova's own provider tree, whatever there is on the host, in the ledger, and in Nova's claims."""

import random
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nova.compute.provider_tree import ProviderTree
from nova.objects.resource import Resource

from nova_accel.discovery.candidate import NAMESPACE, SSD, Candidate, Snapshot
from nova_accel.eligibility.evidence import Evidence
from nova_accel.eligibility.verdict import Reason, Verdict
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.model import AttachHandle, Deployable, HandleId, HandleKind
from nova_accel.provider_tree import apply, names
from nova_accel.provider_tree.apply import Leftover
from nova_accel.provider_tree.plan import ProviderPlan, plan

pytestmark = pytest.mark.essential

NODE = "compute1.example.org"
ROOT_UUID, FOREIGN_UUID = str(uuid.uuid4()), str(uuid.uuid4())
FOREIGN_TRAITS = ("CUSTOM_RACK_7", "CUSTOM_SSDX", "HW_NIC_SRIOV", "CUSTOM_NUMA_NODE_FAR", "COMPUTE_NODE")
CLASSES = ("CUSTOM_PMEM_NAMESPACE_6GB", "CUSTOM_PMEM_NAMESPACE_LARGE")

laws = settings(deadline=None, max_examples=60)


@dataclass(frozen=True)
class Thing:
    """One attach handle in one world."""

    kind: str
    device: str
    """The SSD's serial, or the region."""
    handle: HandleId
    state: State
    presence: str
    claimed: bool
    numa_node: int | None = None

    @property
    def suffix(self) -> str:
        return names.suffix(self.kind, self.device)

    @property
    def entry(self) -> Entry:
        return Entry(self.handle, self.suffix, self.state)

    @property
    def resource(self) -> Resource:
        provider = names.provider_uuid(names.provider(NODE, self.suffix))
        return Resource(
            provider_uuid=provider, resource_class=self.handle.resource_class, identifier=self.handle.identity
        )

    @property
    def candidate(self) -> Candidate:
        is_ssd = self.kind == "ssd"
        traits = {self.handle.resource_class} if not is_ssd else {"CUSTOM_SSD_INSPUR"}
        if self.numa_node is not None:
            traits.add(f"CUSTOM_NUMA_NODE_{self.numa_node}")
        handle = AttachHandle(self.handle, HandleKind.PCI if is_ssd else HandleKind.NVDIMM, "somewhere", "boot:1")
        return Candidate(
            what=SSD if is_ssd else NAMESPACE,
            address=f"{self.kind} {self.handle.identity}",
            incarnation="boot:1",
            identity=self.handle.identity,
            unique=True,
            evidence=Evidence(driver="driver"),
            verdict=Verdict(Reason.ELIGIBLE if self.presence == "eligible" else Reason.NO_RESET, ""),
            deployable=Deployable(self.kind, self.device, frozenset(traits), (handle,)),
            handle=handle,
        )


@dataclass(frozen=True)
class World:
    """Everything that a plan is made of."""

    things: tuple[Thing, ...]
    order: random.Random = field(default_factory=lambda: random.Random(0), compare=False)

    @property
    def claimed(self) -> list[Resource]:
        return [one.resource for one in self._shuffled() if one.claimed]

    def plans(self) -> list[ProviderPlan]:
        snapshot = Snapshot(tuple(one.candidate for one in self._shuffled() if one.presence != "gone"))
        entries = {one.handle: one.entry for one in self._shuffled()}
        plans = list(plan(NODE, snapshot, entries, apply.claimed_handles(self.claimed)))
        self.order.shuffle(plans)
        return plans

    def into(self, tree: ProviderTree, unused: Collection[Leftover] = ()) -> frozenset[Leftover]:
        return apply.apply(tree, NODE, self.plans(), self.claimed, unused)

    def _shuffled(self) -> list[Thing]:
        return self.order.sample(self.things, len(self.things))


SERIALS = st.text("AB0 _-", min_size=1, max_size=4) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
STANDINGS = st.tuples(
    st.sampled_from(State),
    st.sampled_from(["gone", "refused", "eligible"]),
    st.booleans(),
    st.none() | st.integers(0, 1),
)
SSDS = st.builds(
    lambda serial, standing: Thing("ssd", serial, HandleId("CUSTOM_SSD", serial), *standing), SERIALS, STANDINGS
)
NAMESPACES = st.builds(
    lambda number, region, name, standing: Thing("pmem", region, HandleId(name, f"uuid-{number}"), *standing),
    st.integers(0, 5),
    st.sampled_from(["region0", "00a1b2c3d4e5f607"]),
    st.sampled_from(CLASSES),
    STANDINGS,
)
WORLDS = st.builds(
    World,
    st.lists(SSDS | NAMESPACES, max_size=8, unique_by=lambda one: one.handle.identity).map(tuple),
    st.randoms(use_true_random=False),
)


def new_tree() -> ProviderTree:
    """A host with what is Nova's and somebody else's."""
    tree = ProviderTree()
    tree.new_root(NODE, ROOT_UUID, generation=0)
    tree.update_inventory(NODE, {"VCPU": {"total": 8}, "CUSTOM_SSD": {"total": 1}})
    tree.update_traits(NODE, ["HW_CPU_X86_AVX", "CUSTOM_SSD_INSPUR"])
    tree.new_child(f"{NODE}_0000:81:00.0", NODE, uuid=FOREIGN_UUID)
    tree.update_inventory(FOREIGN_UUID, {"CUSTOM_SSD": {"total": 3}, CLASSES[0]: {"total": 1}})
    tree.update_traits(FOREIGN_UUID, ["CUSTOM_SSD_INSPUR", "CUSTOM_NUMA_NODE_0"])
    tree.update_aggregates(FOREIGN_UUID, [ROOT_UUID])
    tree.update_resources(
        FOREIGN_UUID,
        {"CUSTOM_SSD": {Resource(provider_uuid=FOREIGN_UUID, resource_class="CUSTOM_SSD", identifier="theirs")}},
    )
    return tree


def shown(tree: ProviderTree) -> dict[str, tuple[object, ...]]:
    data = (tree.data(one) for one in tree.get_provider_uuids())
    return {
        one.name: (one.uuid, one.parent_uuid, one.inventory, one.traits, one.aggregates, one.resources) for one in data
    }


def ours(tree: ProviderTree) -> dict[str, tuple[object, ...]]:
    return {name: data for name, data in shown(tree).items() if "_accel_" in name}


def foreign(tree: ProviderTree) -> dict[str, tuple[object, ...]]:
    return {name: data for name, data in shown(tree).items() if "_accel_" not in name}


def in_use(left: Iterable[Leftover], world: World) -> set[Leftover]:
    """What Placement would have allocations of."""
    claimed = {Leftover(one.provider_uuid, one.resource_class) for one in world.claimed}
    return set(left) & claimed


def settled(tree: ProviderTree, world: World) -> frozenset[Leftover]:
    """Apply as often as it takes until what nothing uses is gone."""
    left = world.into(tree)
    return world.into(tree, left - in_use(left, world))


@given(WORLDS, WORLDS)
@laws
def test_a_second_time_changes_nothing(before: World, world: World) -> None:
    tree = new_tree()
    before.into(tree)
    left = world.into(tree)
    once = shown(tree)
    assert world.into(tree) == left
    assert shown(tree) == once
    unused = left - in_use(left, world)
    left = world.into(tree, unused)
    once = shown(tree)
    assert world.into(tree, unused) == left
    assert shown(tree) == once


@given(WORLDS, WORLDS)
@laws
def test_providers_of_others_stay_as_they_are(before: World, world: World) -> None:
    tree = new_tree()
    untouched = foreign(tree)
    for one in (before, world):
        settled(tree, one)
        assert foreign(tree) == untouched
    apply.hold(tree, NODE, world.claimed)
    assert foreign(tree) == untouched


@given(WORLDS, WORLDS)
@laws
def test_traits_and_aggregates_that_others_gave_to_our_providers_stay(before: World, world: World) -> None:
    tree = new_tree()
    settled(tree, before)
    there = set(ours(tree))
    for name in there:
        tree.add_traits(name, *FOREIGN_TRAITS)
        tree.update_aggregates(name, [ROOT_UUID])
    world.into(tree)
    for name in there:
        assert tree.data(name).traits >= set(FOREIGN_TRAITS)
        assert tree.data(name).aggregates == {ROOT_UUID}


@given(WORLDS, st.randoms(use_true_random=False))
@laws
def test_the_order_in_which_things_are_found_does_not_matter(world: World, order: random.Random) -> None:
    one, other = new_tree(), new_tree()
    assert world.into(one) == World(world.things, order).into(other)
    assert shown(one) == shown(other)


@given(st.lists(WORLDS, max_size=3), WORLDS)
@laws
def test_the_way_to_a_world_leaves_no_trace_once_nothing_uses_it(history: list[World], world: World) -> None:
    tree, fresh = new_tree(), new_tree()
    for one in history:
        one.into(tree)
    settled(tree, world)
    settled(fresh, world)
    without_traits = {name: (*data[:3], *data[4:]) for name, data in shown(tree).items()}
    assert without_traits == {name: (*data[:3], *data[4:]) for name, data in shown(fresh).items()}


@given(WORLDS)
@laws
def test_no_two_devices_have_one_provider_and_each_lies_below_the_node(world: World) -> None:
    tree = new_tree()
    plans = world.plans()
    world.into(tree)
    devices = {
        (one.kind, one.device)
        for one in world.things
        if one.presence != "gone" or one.claimed or one.state is State.ASSIGNED
    }
    assert len({one.name for one in plans}) == len({one.uuid for one in plans}) == len(devices) == len(ours(tree))
    assert {data[1] for data in ours(tree).values()} <= {ROOT_UUID}


@given(WORLDS, WORLDS)
@laws
def test_what_is_claimed_keeps_its_provider_its_class_and_its_resource(before: World, world: World) -> None:
    """Also what vanished from host and ledger: the claims are those of the world before."""
    tree = new_tree()
    before.into(tree)
    left = apply.apply(tree, NODE, world.plans(), before.claimed)
    apply.apply(tree, NODE, world.plans(), before.claimed, left)
    for resource in before.claimed:
        data = tree.data(resource.provider_uuid)
        assert resource.resource_class in data.inventory
        planned = {one.uuid: one.classes for one in world.plans()}.get(resource.provider_uuid, {})
        if resource.resource_class not in planned:
            assert resource in data.resources[resource.resource_class]


@given(WORLDS, WORLDS)
@laws
def test_inventories_are_such_as_placement_takes_and_offer_just_what_is_free_and_clean(
    before: World, world: World
) -> None:
    tree = new_tree()
    before.into(tree)
    world.into(tree)
    free = {
        one.handle for one in world.things if one.presence == "eligible" and one.state is State.AVAILABLE
    } | apply.claimed_handles(world.claimed)
    offered = set()
    for _, _, inventory, _, _, resources in ours(tree).values():
        assert set(inventory) == set(resources)
        for name, part in inventory.items():
            assert 0 <= part["reserved"] <= part["total"]
            assert (part["min_unit"], part["max_unit"], part["step_size"]) == (1, part["total"], 1)
            assert len(resources[name]) <= part["total"]
            offered |= apply.claimed_handles(resources[name])
    assert offered == free
