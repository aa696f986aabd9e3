"""An update without news touches nothing, and whatever is news is applied."""

import copy
import uuid
from collections.abc import Callable
from unittest import mock

import pytest
from nova.compute.provider_tree import ProviderTree
from nova.objects.resource import Resource

from nova_accel.provider_tree import apply
from nova_accel.provider_tree.apply import Leftover
from nova_accel.virt import nova_private
from nova_accel.virt.applier import Applier
from tests.functional.test_apply import NAME, NODE, PLAN, seen

GIVEN_OUT = Resource(provider_uuid=PLAN.uuid, resource_class="CUSTOM_SSD", identifier="SN1")
PLANS = (PLAN,)


@pytest.fixture
def tree() -> ProviderTree:
    tree = ProviderTree()
    tree.new_root(NODE, str(uuid.uuid4()), generation=0)
    return tree


@pytest.fixture
def applier(tree: ProviderTree) -> Applier:
    applier = Applier(nova_private.children)
    applier.apply(tree, NODE, PLANS, (), frozenset())
    return applier


def applied(applier: Applier, tree: ProviderTree, *args: object) -> bool:
    """Whether the update went the long way."""
    with mock.patch.object(apply, "apply", wraps=apply.apply) as long_way:
        applier.apply(tree, NODE, *args)
    return long_way.called


def test_the_same_again_is_known(applier: Applier, tree: ProviderTree) -> None:
    before = seen(tree)
    # Nova hands over a copy of its tree each time.
    assert not applied(applier, copy.deepcopy(tree), PLANS, (), frozenset())
    assert seen(tree) == before


def test_new_plans_claims_and_leftovers_are_applied(applier: Applier, tree: ProviderTree) -> None:
    assert applied(applier, tree, (PLAN,), (), frozenset())
    assert applied(applier, tree, PLANS, (GIVEN_OUT,), frozenset())
    assert applied(applier, tree, PLANS, (), frozenset({Leftover(PLAN.uuid, "CUSTOM_GONE")}))


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.remove(NAME),
        lambda tree: tree.add_traits(NAME, "CUSTOM_RACK_7"),
        lambda tree: tree.remove_traits(NAME, "CUSTOM_SSD_INSPUR"),
        lambda tree: tree.update_inventory(NAME, {"CUSTOM_SSD": {"total": 2}}),
        lambda tree: tree.update_inventory(NAME, {}),
        lambda tree: tree.update_resources(NAME, {"CUSTOM_SSD": set()}),
        lambda tree: tree.update_resources(NAME, {}),
    ],
)
def test_what_somebody_else_changed_is_mended(
    applier: Applier, tree: ProviderTree, change: Callable[[ProviderTree], object]
) -> None:
    before = seen(tree)[NAME]
    change(tree)
    assert applied(applier, tree, PLANS, (), frozenset())
    inventory, traits, resources = seen(tree)[NAME]
    assert (inventory, resources) == (before[0], before[2])
    assert before[1] <= traits
    assert not applied(applier, tree, PLANS, (), frozenset())
