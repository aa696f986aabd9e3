"""Writes the plan into Nova's provider tree. What others put there stays."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from nova.compute.provider_tree import ProviderData, ProviderTree
from nova.objects.resource import Resource

from nova_accel.model import HandleId
from nova_accel.provider_tree import names
from nova_accel.provider_tree.plan import ClassPlan, ProviderPlan

# Where os-traits has it, it says that Nova itself looks after the provider.
_OWNER = "OWNER_NOVA"
_OUR_CLASSES = re.compile(r"CUSTOM_SSD|CUSTOM_PMEM_NAMESPACE_.*", re.ASCII)
_OUR_TRAITS = re.compile(r"CUSTOM_SSD(_.*)?|CUSTOM_NUMA_NODE_\d+|CUSTOM_PMEM_NAMESPACE_.*", re.ASCII)


@dataclass(frozen=True, order=True)
class Leftover:
    """A resource class of one of our providers that stands in the tree and for which there is no device any more."""

    provider_uuid: str
    resource_class: str


def apply(
    tree: ProviderTree,
    node: str,
    plans: Iterable[ProviderPlan],
    claimed: Collection[Resource] = (),
    unused: Collection[Leftover] = (),
) -> frozenset[Leftover]:
    """Bring providers, inventories, traits and resources in line with the plan; a second call changes nothing.

    What has vanished stays, all of it reserved, until Placement says that nothing is allocated from it: taking it away earlier
    would end Nova's update in an error and fail every claim on the host.

    :param tree: as ``update_provider_tree`` gets it
    :param node: name of the compute node's own provider
    :param claimed: what Nova's resource tracker counts as given out
    :param unused: leftovers of an earlier call from which nothing is allocated
    :returns: the leftovers that are still there
    """
    wanted = {plan.uuid: plan for plan in plans}
    for plan in wanted.values():
        if not tree.exists(plan.name):
            tree.new_child(plan.name, node, uuid=plan.uuid)
    leftovers: set[Leftover] = set()
    given_out = _by_provider(claimed)
    for uuid in ours(tree, node):
        leftovers |= _provider(tree, uuid, wanted.get(uuid), given_out[uuid], unused)
    return frozenset(leftovers)


def hold(tree: ProviderTree, node: str, claimed: Iterable[Resource]) -> None:
    """Offer nothing of ours for now, and keep what is given out: for when there is no plan.

    Without it Nova would take our classes for ones without resource objects, and start servers without their devices.
    """
    given_out = _by_provider(claimed)
    for uuid in ours(tree, node):
        classes = _our_classes(tree.data(uuid), given_out[uuid])
        tree.update_resources(uuid, {name: _of_class(given_out[uuid], name) for name in classes})


def claimed_handles(resources: Iterable[Resource]) -> frozenset[HandleId]:
    """The handle ids that Nova's resource objects stand for."""
    return frozenset(HandleId(resource.resource_class, resource.identifier) for resource in resources)


def ours(tree: ProviderTree, node: str) -> Sequence[str]:
    """Our providers below a node: their uuids follow from their names."""
    uuids = tree.get_provider_uuids(node)
    return [uuid for uuid in uuids if uuid == names.provider_uuid(tree.data(uuid).name)]


def _provider(
    tree: ProviderTree,
    uuid: str,
    plan: ProviderPlan | None,
    given_out: Collection[Resource],
    unused: Collection[Leftover],
) -> set[Leftover]:
    data = tree.data(uuid)
    planned = plan.classes if plan is not None else {}
    ours_here = _our_classes(data, given_out)
    vanished = {Leftover(uuid, name) for name in ours_here if name not in planned}
    kept = {one for one in vanished if one not in unused or _of_class(given_out, one.resource_class)}
    # Nova adds what its provider.yaml says itself after every update, and refuses what is there already.
    if not planned and not kept and ours_here >= data.inventory.keys():
        tree.remove(uuid)
        return set()
    inventory, resources = {}, {}
    for name, wanted in planned.items():
        # Nova has given it out and the ledger, which was lost, does not know it: without it Nova's first update ends in an error.
        unknown = _unknown(_of_class(given_out, name), wanted)
        inventory[name] = _inventory(wanted.total + len(unknown), wanted.reserved)
        resources[name] = _resources(uuid, name, wanted) | unknown
    for one in kept:
        total = data.inventory[one.resource_class]["total"]
        inventory[one.resource_class] = _inventory(total, total)
        resources[one.resource_class] = _of_class(given_out, one.resource_class)
    tree.update_inventory(uuid, inventory)
    if plan is not None and plan.traits is not None:
        tree.update_traits(uuid, _foreign(data.traits) | plan.traits | {_OWNER})
    tree.update_resources(uuid, resources)
    return kept


def _our_classes(data: ProviderData, given_out: Iterable[Resource]) -> set[str]:
    """The resource classes of a provider of ours that we have put there; Nova's provider.yaml may have added others."""
    # What a driver of somebody else's offers has resource objects, or a server has it.
    with_resources = data.resources.keys() | {one.resource_class for one in given_out}
    return {name for name in data.inventory if _OUR_CLASSES.fullmatch(name) or name in with_resources}


def _by_provider(claimed: Iterable[Resource]) -> defaultdict[str, list[Resource]]:
    found: defaultdict[str, list[Resource]] = defaultdict(list)
    for one in claimed:
        found[one.provider_uuid].append(one)
    return found


def _of_class(given_out: Iterable[Resource], resource_class: str) -> set[Resource]:
    return {one for one in given_out if one.resource_class == resource_class}


def _unknown(given_out: Iterable[Resource], plan: ClassPlan) -> set[Resource]:
    known = {handle.identity for handle in plan.resources}
    return {one for one in given_out if one.identifier not in known}


def _inventory(total: int, reserved: int) -> dict[str, int | float]:
    # Every key is written: one that is left out would be taken from what Placement has.
    return {
        "total": total,
        "reserved": reserved,
        "min_unit": 1,
        "max_unit": total,
        "step_size": 1,
        "allocation_ratio": 1.0,
    }


def _foreign(traits: Iterable[str]) -> set[str]:
    return {trait for trait in traits if not _OUR_TRAITS.fullmatch(trait)}


def _resources(provider_uuid: str, resource_class: str, plan: ClassPlan) -> set[Resource]:
    # No metadata: it would be part of equality, and a changed address would make a handle that is given out look free.
    return {
        Resource(provider_uuid=provider_uuid, resource_class=resource_class, identifier=handle.identity)
        for handle in sorted(plan.resources)
    }
