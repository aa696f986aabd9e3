"""The plan in Nova's own provider tree: once is enough, what others put there stays, and without a plan nothing is offered."""

import uuid
from dataclasses import replace

import pytest
from nova.compute.provider_tree import ProviderTree
from nova.objects.resource import Resource

from nova_accel.provider_tree import apply, names
from nova_accel.provider_tree.apply import Leftover
from nova_accel.provider_tree.plan import ClassPlan, ProviderPlan
from tests.unit.conftest import ssd_handle

NODE = "node"
NAME = names.provider(NODE, "ssd_SN1")
PLAN = ProviderPlan(
    name=NAME,
    uuid=names.provider_uuid(NAME),
    classes={"CUSTOM_SSD": ClassPlan(total=1, reserved=0, resources=frozenset({ssd_handle("SN1")}))},
    traits=frozenset({"CUSTOM_SSD_INSPUR", "CUSTOM_NUMA_NODE_1"}),
)


@pytest.fixture
def tree() -> ProviderTree:
    tree = ProviderTree()
    tree.new_root(NODE, str(uuid.uuid4()), generation=0)
    tree.new_child("somebody_elses", NODE, uuid=str(uuid.uuid4()))
    tree.update_inventory("somebody_elses", {"CUSTOM_THING": {"total": 3}})
    return tree


def seen(tree: ProviderTree) -> dict[str, tuple[object, ...]]:
    data = (tree.data(one) for one in tree.get_provider_uuids())
    return {one.name: (one.inventory, one.traits, {str(name) for name in one.resources}) for one in data}


@pytest.mark.essential
def test_applying_twice_is_applying_once(tree: ProviderTree) -> None:
    apply.apply(tree, NODE, [PLAN])
    once = seen(tree)
    apply.apply(tree, NODE, [PLAN])
    assert seen(tree) == once
    assert once["somebody_elses"][0] == {"CUSTOM_THING": {"total": 3}}


def test_traits_of_ours_that_no_longer_hold_go_and_those_of_others_stay(tree: ProviderTree) -> None:
    apply.apply(tree, NODE, [PLAN])
    tree.add_traits(NAME, "CUSTOM_RACK_7", "CUSTOM_SSD_OLD")
    apply.apply(tree, NODE, [PLAN])
    assert tree.data(NAME).traits == {"CUSTOM_SSD_INSPUR", "CUSTOM_NUMA_NODE_1", "OWNER_NOVA", "CUSTOM_RACK_7"}


def test_without_a_plan_only_what_is_given_out_is_held(tree: ProviderTree) -> None:
    apply.apply(tree, NODE, [PLAN])
    given_out = Resource(provider_uuid=PLAN.uuid, resource_class="CUSTOM_SSD", identifier="SN1")
    apply.hold(tree, NODE, [given_out])
    assert tree.data(NAME).resources == {"CUSTOM_SSD": {given_out}}
    apply.hold(tree, NODE, [])
    assert tree.data(NAME).resources == {"CUSTOM_SSD": set()}
    assert tree.data("somebody_elses").resources == {}


def test_what_vanished_stays_reserved_with_its_claim_until_nothing_uses_it(tree: ProviderTree) -> None:
    apply.apply(tree, NODE, [PLAN])
    given_out = Resource(provider_uuid=PLAN.uuid, resource_class="CUSTOM_SSD", identifier="SN1")
    leftover = Leftover(PLAN.uuid, "CUSTOM_SSD")
    assert apply.apply(tree, NODE, [], [given_out]) == {leftover}
    inventory = tree.data(NAME).inventory["CUSTOM_SSD"]
    assert (inventory["total"], inventory["reserved"]) == (1, 1)
    assert tree.data(NAME).resources == {"CUSTOM_SSD": {given_out}}
    assert apply.apply(tree, NODE, [], [given_out], [leftover]) == {leftover}, "Nova still counts it as given out"
    assert apply.apply(tree, NODE, [], [], [leftover]) == frozenset()
    assert not tree.exists(NAME)
    assert tree.exists("somebody_elses")


def test_a_class_that_vanished_goes_alone(tree: ProviderTree) -> None:
    both = replace(PLAN, classes=PLAN.classes | {"CUSTOM_OTHER": ClassPlan(2, 0, frozenset())})
    apply.apply(tree, NODE, [both])
    leftover = Leftover(PLAN.uuid, "CUSTOM_OTHER")
    assert apply.apply(tree, NODE, [PLAN]) == {leftover}
    assert tree.data(NAME).inventory["CUSTOM_OTHER"]["reserved"] == 2
    assert apply.apply(tree, NODE, [PLAN], [], [leftover]) == frozenset()
    assert set(tree.data(NAME).inventory) == {"CUSTOM_SSD"}


def test_what_others_added_to_a_provider_of_ours_is_not_written_back(tree: ProviderTree) -> None:
    apply.apply(tree, NODE, [PLAN])
    ours = dict(tree.data(NAME).inventory)
    others = {"CUSTOM_FAN": {"total": 4}}
    tree.update_inventory(NAME, ours | others)
    assert apply.apply(tree, NODE, [PLAN]) == frozenset()
    assert tree.data(NAME).inventory == ours

    tree.update_inventory(NAME, ours | others)
    leftover = Leftover(PLAN.uuid, "CUSTOM_SSD")
    assert apply.apply(tree, NODE, []) == {leftover}
    tree.update_inventory(NAME, dict(tree.data(NAME).inventory) | others)
    assert apply.apply(tree, NODE, [], [], [leftover]) == frozenset()
    assert tree.exists(NAME), "Nova is about to add again what is somebody else's"
    assert apply.apply(tree, NODE, []) == frozenset()
    assert not tree.exists(NAME)


def test_without_a_plan_what_others_added_has_no_resources(tree: ProviderTree) -> None:
    apply.apply(tree, NODE, [PLAN])
    tree.update_inventory(NAME, dict(tree.data(NAME).inventory) | {"CUSTOM_FAN": {"total": 4}})
    apply.hold(tree, NODE, [])
    assert tree.data(NAME).resources == {"CUSTOM_SSD": set()}


@pytest.mark.parametrize("name", ["CUSTOM_SSD", "CUSTOM_PMEM_NAMESPACE_6GB"])
def test_a_class_of_ours_is_known_after_a_restart(tree: ProviderTree, name: str) -> None:
    tree.new_child(NAME, NODE, uuid=PLAN.uuid)
    tree.update_inventory(NAME, {name: {"total": 1}})
    assert apply.apply(tree, NODE, []) == {Leftover(PLAN.uuid, name)}


def test_what_is_given_out_stays_where_only_its_siblings_are_known(tree: ProviderTree) -> None:
    given_out = Resource(provider_uuid=PLAN.uuid, resource_class="CUSTOM_SSD", identifier="SN2")
    elsewhere = Resource(provider_uuid=str(uuid.uuid4()), resource_class="CUSTOM_SSD", identifier="SN3")
    apply.apply(tree, NODE, [PLAN], [given_out, elsewhere])
    data = tree.data(NAME)
    assert {one.identifier for one in data.resources["CUSTOM_SSD"]} == {"SN1", "SN2"}
    assert (data.inventory["CUSTOM_SSD"]["total"], data.inventory["CUSTOM_SSD"]["reserved"]) == (2, 0)


def test_what_comes_back_is_offered_again(tree: ProviderTree) -> None:
    apply.apply(tree, NODE, [PLAN])
    once = seen(tree)
    apply.apply(tree, NODE, [])
    apply.apply(tree, NODE, [PLAN], [], [Leftover(PLAN.uuid, "CUSTOM_SSD")])
    assert seen(tree) == once
