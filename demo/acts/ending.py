"""The end of a server: its devices are cleaned, and as free as in the beginning."""

from __future__ import annotations

from demo import tables, tree
from demo.stage import Device
from demo.telling import Telling


def delete(telling: Telling) -> None:
    """Nothing is left of the server, nor of its data."""
    telling.stage.nova("DELETE", f"/servers/{telling.server}")
    telling.reach("GONE")
    telling.wait(lambda: all(one.offered for one in _same(telling)), telling.stage.patience_s)
    now = _same(telling)
    telling.hear("nova_accel", "devices that the server had", now)
    telling.show(tables.pairs({one.identity or "": one.state for one in now}, "device", "state"))
    telling.check("its devices are available", now and all(one.offered for one in now), [one.state for one in now])
    left = {one.identity: telling.stage.first_data(one.identity or "") for one in telling.taken}
    telling.check("nothing but zeros is on them", set(left.values()) == {None}, left)


def _same(telling: Telling) -> list[Device]:
    taken = {one.identity for one in telling.taken}
    return [one for one in telling.stage.devices() if one.identity in taken]


def free(telling: Telling) -> None:
    """Placement has what it had in the beginning."""
    telling.wait(telling.all_is_offered, telling.stage.patience_s)
    ours = tree.ours(telling.providers())
    telling.show(tables.providers(ours))
    same = [one.offer for one in ours] == [one.offer for one in telling.beginning]
    telling.check("the same is offered as in the beginning", same)
    telling.check("none is used", not any(sum(one.usages.values()) for one in ours))
    allocations = telling.stage.placement("GET", f"/allocations/{telling.server}")["allocations"]
    telling.check("the server has no allocation", not allocations, allocations)
    groups = "&".join(f"{name.replace(':', '=')}:{units}" for name, units in telling.specs().items() if ":" in name)
    path = f"/allocation_candidates?{groups}&group_policy=none"
    candidates = telling.stage.placement("GET", path)["allocation_requests"]
    telling.check("Placement has candidates for the next server", candidates, len(candidates))
