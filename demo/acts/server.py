"""A server: how it gets its devices, and that they are its own until it is deleted."""

from __future__ import annotations

from collections import Counter

from demo import tables, tree
from demo.telling import Telling


def boot(telling: Telling) -> None:
    """A server of that flavor is ACTIVE."""
    image = telling.stage.image(telling.nonce)
    body = {"name": "demo", "flavorRef": telling.flavor, "imageRef": image, "networks": "none"}
    telling.server = telling.stage.nova("POST", "/servers", {"server": body})["server"]["id"]
    telling.reach("ACTIVE")
    telling.say(f"server {telling.server} is {telling.status()}")


def allocate(telling: Telling) -> None:
    """What Placement gave, and which devices those are."""
    allocated = telling.stage.placement("GET", f"/allocations/{telling.server}")["allocations"]
    names = {one.uuid: one.name for one in telling.providers()}
    shown = {names[uuid]: one["resources"] for uuid, one in allocated.items()}
    telling.show(tables.pairs(shown, "resource provider", "allocated"))
    units: Counter[str] = Counter()
    for resources in shown.values():
        units.update({name: amount for name, amount in resources.items() if tree.is_our_class(name)})
    wanted = Counter([tree.SSD_CLASS, *(tree.PMEM_PREFIX + label for label in telling.stage.labels)])
    telling.check("one of each that the flavor asks for", units == wanted, dict(units))
    telling.taken = [one for one in telling.devices() if one.server == telling.server]
    telling.show(tables.pairs({one.identity or "": one.address for one in telling.taken}, "device", "address"))
    kinds = Counter(one.kind for one in telling.taken)
    telling.check(
        "as many devices are the server's", kinds == {"SSD": 1, "PMEM": len(telling.stage.labels)}, dict(kinds)
    )
    allocated_ssds = [name for name, resources in shown.items() if tree.SSD_CLASS in resources]
    same = [name.rpartition("_ssd_")[2] for name in allocated_ssds] == [telling.ssd().identity]
    telling.check("its SSD is the one that is allocated", same, allocated_ssds)


def describe(telling: Telling) -> None:
    """libvirt has these very devices in the domain."""
    telling.elements = telling.in_domain()
    telling.show(tables.elements(telling.elements))
    named = [one.identity for element in telling.elements for one in telling.taken if element.names(one.identity)]
    everything = Counter(named) == Counter(one.identity for one in telling.taken)
    telling.check("each element names a device of the server, and each device has one", everything, named)
    hostdevs = [(one.place, one.managed) for one in telling.elements if one.kind == "SSD"]
    expected = [(telling.ssd().address, "no")]
    telling.check(
        "the SSD is passed through from its address, and libvirt rebinds nothing", hostdevs == expected, hostdevs
    )


def look(telling: Telling) -> None:
    """The view from inside, at the first start."""
    view = telling.look_inside()
    telling.check("all of it was zero before", all(one.zero and not one.found for one in view.seen))
    held = telling.held()
    telling.check("what was written is on the devices", all(held), held)


def restart(telling: Telling) -> None:
    """Over stop and start, devices and data stay."""
    telling.act("os-stop", "SHUTOFF")
    held = telling.held()
    telling.check("the stopped server's data is on the devices", all(held), held)
    telling.act("os-start", "ACTIVE")
    again = telling.in_domain()
    telling.check("the same devices in the same order", again == telling.elements, again)
    view = telling.look_inside()
    expected = [telling.nonce, *(f"{telling.nonce}-{number}" for number in range(len(telling.stage.labels)))]
    found = [one.found for one in view.seen]
    telling.check("what was written is found again", found == expected, found)
