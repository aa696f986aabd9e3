"""Writes the plan into Nova's provider tree. What others put there stays."""

import re
from collections.abc import Iterable

from nova.compute.provider_tree import ProviderTree
from nova.objects.resource import Resource

from nova_accel.model import HandleId
from nova_accel.provider_tree import names
from nova_accel.provider_tree.plan import ProviderPlan

# Where os-traits has it, it says that Nova itself looks after the provider.
_OWNER = "OWNER_NOVA"
_OUR_TRAITS = re.compile(r"CUSTOM_SSD(_.*)?|CUSTOM_NUMA_NODE_\d+", re.ASCII)


def apply(tree: ProviderTree, node: str, plans: Iterable[ProviderPlan]) -> None:
    """Bring providers, inventories, traits and resources in line with the plan; a second call changes nothing.

    :param tree: as ``update_provider_tree`` gets it
    :param node: name of the compute node's own provider
    """
    for plan in plans:
        if not tree.exists(plan.name):
            tree.new_child(plan.name, node, uuid=plan.uuid)
        provider = tree.data(plan.name)
        tree.update_inventory(plan.name, {plan.resource_class: _inventory(plan)})
        if plan.traits is not None:
            tree.update_traits(plan.name, _foreign(provider.traits) | plan.traits | {_OWNER})
        tree.update_resources(plan.name, {plan.resource_class: _resources(provider.uuid, plan)})


def hold(tree: ProviderTree, claimed: Iterable[Resource]) -> None:
    """Offer nothing of ours for now, and keep what is given out: for when there is no plan.

    Without it Nova would take our classes for ones without resource objects, and start servers without their devices.
    """
    given_out = list(claimed)
    for uuid in tree.get_provider_uuids():
        provider = tree.data(uuid)
        if uuid == names.provider_uuid(provider.name):
            kept = {one for one in given_out if one.provider_uuid == uuid}
            resources = {name: {one for one in kept if one.resource_class == name} for name in provider.inventory}
            tree.update_resources(uuid, resources)


def _inventory(plan: ProviderPlan) -> dict[str, int | float]:
    # Every key is written: one that is left out would be taken from what Placement has.
    return {
        "total": plan.total,
        "reserved": plan.reserved,
        "min_unit": 1,
        "max_unit": plan.total,
        "step_size": 1,
        "allocation_ratio": 1.0,
    }


def _foreign(traits: Iterable[str]) -> set[str]:
    return {trait for trait in traits if not _OUR_TRAITS.fullmatch(trait)}


def _resources(provider_uuid: str, plan: ProviderPlan) -> set[Resource]:
    # No metadata: it would be part of equality, and a changed address would make a handle that is given out look free.
    return {
        Resource(provider_uuid=provider_uuid, resource_class=plan.resource_class, identifier=handle.identity)
        for handle in sorted(plan.resources)
    }


def claimed_handles(resources: Iterable[Resource]) -> frozenset[HandleId]:
    """The handle ids that Nova's resource objects stand for."""
    return frozenset(HandleId(resource.resource_class, resource.identifier) for resource in resources)
