"""The plan in Nova's own provider tree: once is enough, what others put there stays, and without a plan nothing is offered."""

import uuid

import pytest
from nova.compute.provider_tree import ProviderTree
from nova.objects.resource import Resource

from nova_accel.provider_tree import apply, names
from nova_accel.provider_tree.plan import ProviderPlan
from tests.unit.conftest import ssd_handle

NODE = "node"
NAME = names.provider(NODE, "ssd_SN1")
PLAN = ProviderPlan(
    name=NAME,
    uuid=names.provider_uuid(NAME),
    resource_class="CUSTOM_SSD",
    total=1,
    reserved=0,
    traits=frozenset({"CUSTOM_SSD_INSPUR", "CUSTOM_NUMA_NODE_1"}),
    resources=frozenset({ssd_handle("SN1")}),
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
    apply.hold(tree, [given_out])
    assert tree.data(NAME).resources == {"CUSTOM_SSD": {given_out}}
    apply.hold(tree, [])
    assert tree.data(NAME).resources == {"CUSTOM_SSD": set()}
    assert tree.data("somebody_elses").resources == {}
