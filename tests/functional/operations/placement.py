"""What Placement says about the handles of a host, and what Nova's claims choose from beside it."""

from collections import Counter
from collections.abc import Iterator, Mapping

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects

from nova_accel.ledger.entry import Entry
from nova_accel.provider_tree import names
from tests.functional import base
from tests.functional.operations.fates import Fate
from tests.functional.operations.held import Difference, Fates, Held


class PlacementWitness:
    """Placement knows handles by their number only, so those of one provider and class are compared together."""

    def __init__(self, case: base.AccelTestCase) -> None:
        self._case = case
        self._context = nova_context.get_admin_context(read_deleted="yes")

    def differences(self, host: str, entries: Mapping[Held, Entry], fates: Fates) -> Iterator[Difference]:
        """Compare what is expected of a host's handles with inventory, reserved, allocations, and what Nova may choose from."""
        groups: dict[tuple[str, str], list[Held]] = {}
        for held, entry in sorted(entries.items()):
            groups.setdefault((entry.provider, entry.handle.resource_class), []).append(held)
        for (suffix, resource_class), group in groups.items():
            name = names.provider(host, suffix)
            uuid = self._case.provider_named(name)["uuid"]
            backed = Counter((word, fates[held][0]) for held in group for word in fates[held][1].placement)
            yield from self._inventory(name, uuid, resource_class, len(group), backed)
            yield from self._allocations(name, uuid, resource_class, backed)
            yield from self._offered(host, name, resource_class, {held.identity: fates[held][1] for held in group})

    def _inventory(
        self, name: str, uuid: str, resource_class: str, total: int, backed: Counter[tuple[str, str]]
    ) -> Iterator[Difference]:
        inventory = self._case._get_provider_inventory(uuid).get(resource_class, {})
        reserved = sum(count for (placement, _), count in backed.items() if placement == "reserved")
        said = inventory.get("total"), inventory.get("reserved")
        if said != (total, reserved):
            words = f"{resource_class} of {name} has total {said[0]} and reserved {said[1]}, not {total} and {reserved}"
            yield Difference("Placement", words)

    def _allocations(
        self, name: str, uuid: str, resource_class: str, backed: Counter[tuple[str, str]]
    ) -> Iterator[Difference]:
        found = self._case.placement.get(f"/resource_providers/{uuid}/allocations").body["allocations"]
        said: Counter[tuple[str, str]] = Counter()
        for consumer, allocation in found.items():
            said[self._consumer(consumer)] += allocation["resources"].get(resource_class, 0)
        meant = Counter({key: count for key, count in backed.items() if key[0] != "reserved"})
        if +said != meant:
            words = (
                f"{resource_class} of {name} is allocated to {dict(+said) or 'nobody'}, not {dict(meant) or 'nobody'}"
            )
            yield Difference("Placement", words)

    def _consumer(self, uuid: str) -> tuple[str, str]:
        try:
            return "migration", objects.Migration.get_by_uuid(self._context, uuid).instance_uuid
        except nova_exception.MigrationNotFound:
            return "server", uuid

    def _offered(self, host: str, name: str, resource_class: str, fates: dict[str, Fate]) -> Iterator[Difference]:
        """What Nova's claim chooses from, less what it has given already: nothing in it may be reserved, but for the server's own."""
        if host not in self._case.computes:
            return
        resources = self._case.computes[host].manager.rt.provider_tree.data(name).resources
        said = sorted(one.identifier for one in resources.get(resource_class, ()))
        meant = sorted(identity for identity, fate in fates.items() if _is_known_to_nova(fate))
        if said != meant:
            yield Difference("Placement", f"Nova may choose from {said} of {name}, not from {meant}")


def _is_known_to_nova(fate: Fate) -> bool:
    return "reserved" not in fate.placement or "resources" in fate.nova
