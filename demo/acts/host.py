"""The host: what is in it, what of that Placement offers, and a flavor that asks for it."""

from __future__ import annotations

from demo import tables, tree
from demo.stage import ELIGIBLE
from demo.telling import Telling

_MEMORY_MIB = 256


def start(telling: Telling) -> None:
    """Everything is up."""
    telling.stage.start()
    (service,) = telling.stage.nova("GET", "/os-services?binary=nova-compute")["services"]
    telling.check("nova-compute is up", service["state"] == "up", service["state"])


def find(telling: Telling) -> None:
    """Every device has a verdict, and some may be given away."""
    wanted = max(len(telling.stage.labels), 1)
    telling.wait(lambda: _all_is_read(telling, wanted), telling.stage.patience_s)
    found = telling.devices()
    telling.show(tables.devices(found))
    offered = [one for one in found if one.offered]
    kinds = [one.kind for one in offered]
    telling.check("at least one SSD is offered", "SSD" in kinds, kinds.count("SSD"))
    telling.check(f"at least {wanted} PMEM namespaces are offered", kinds.count("PMEM") >= wanted, kinds.count("PMEM"))
    telling.check("each of the others is refused with a reason", all(one.why_not for one in found if not one.offered))
    identities = [one.identity for one in offered]
    telling.check("each that is offered is told from the others", len(set(identities)) == len(identities), identities)


def _all_is_read(telling: Telling, wanted: int) -> bool:
    found = telling.stage.devices()
    kinds = [one.kind for one in found if one.offered]
    return "SSD" in kinds and kinds.count("PMEM") >= wanted and all(one.is_read for one in found)


def offer(telling: Telling) -> None:
    """Placement has exactly what may be given away."""
    telling.wait(telling.all_is_offered, telling.stage.patience_s)
    found = telling.providers()
    telling.show(tables.providers(found))
    ours = telling.beginning = tree.ours(found)
    roots = {one.uuid for one in found if one.parent is None}
    telling.check("our providers are children of the compute node", all(one.parent in roots for one in ours))
    devices = telling.stage.devices()
    ssds = {one.identity for one in devices if one.kind == "SSD" and one.reason == ELIGIBLE}
    named = {one.name.rpartition("_ssd_")[2] for one in ours if one.is_ssd}
    telling.check("each SSD that may be given away has a provider, and no other has", named == ssds, sorted(named))
    offered = sum(one.offered for one in devices)
    telling.check("as many free units as devices that are offered", tree.free(found) == offered, tree.free(found))
    telling.check("none is used", not any(sum(one.usages.values()) for one in ours))
    telling.check(
        "each PMEM class is a trait too", all(set(one.inventories) <= one.traits for one in ours if not one.is_ssd)
    )
    vendors = [one for one in ours if any(trait.startswith("CUSTOM_SSD_VENDOR_ID_") for trait in one.traits)]
    telling.check("each SSD's vendor is a trait", len(vendors) == len(ssds), len(vendors))


def flavor(telling: Telling) -> None:
    """A flavor in Nova's own words."""
    body = {"flavor": {"name": "local-devices", "ram": _MEMORY_MIB, "vcpus": 1, "disk": 0}}
    telling.flavor = telling.stage.nova("POST", "/flavors", body)["flavor"]["id"]
    path = f"/flavors/{telling.flavor}/os-extra_specs"
    telling.stage.nova("POST", path, {"extra_specs": telling.specs()})
    specs = telling.stage.nova("GET", path)["extra_specs"]
    telling.show(tables.pairs(specs, "extra spec", "value"))
    telling.check("Nova has the extra specs", specs == telling.specs(), specs)
