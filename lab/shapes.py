"""Which emulated SSD and which namespace has become what in L1: the key to its recordings."""

from __future__ import annotations

import dataclasses
import json

from lab.machine import Machine
from lab.scenario import Namespace, Place, Ssd

TABLE = "shapes.tsv"
COLUMNS = ("kind", "name", "identity", "address", "device", "shape")

LIST_CONTROLLERS = """\
for c in /sys/class/nvme/nvme*; do
    echo "$(cat $c/address)|$(cat $c/serial)|$(ls $c | grep -m 1 -oE 'nvme[0-9]+(c[0-9]+)?n[0-9]+$' | sed -E 's/c[0-9]+//')"
done"""


@dataclasses.dataclass(frozen=True)
class Controller:
    """An NVMe controller that L1's nvme driver runs."""

    address: str
    serial: str
    disk: str


def controllers(machine: Machine) -> list[Controller]:
    """All of them, in the order of their addresses."""
    lines = machine.channel.run(LIST_CONTROLLERS).splitlines()
    found = (Controller(*(word.strip() for word in line.split("|"))) for line in lines if line.strip())
    return sorted(found, key=lambda one: one.address)


def disks(machine: Machine) -> dict[str, str]:
    """The block device of each SSD in the scenario that has one in L1; of two with one serial, in the order of their slots."""
    by_serial: dict[str, list[Controller]] = {}
    for one in controllers(machine):
        by_serial.setdefault(one.serial, []).append(one)
    return {
        ssd.name: f"/dev/{by_serial[ssd.serial].pop(0).disk}"
        for ssd in machine.scenario.ssds
        if by_serial.get(ssd.serial)
    }


def namespaces(machine: Machine) -> dict[str, dict[str, object]]:
    """What ndctl shows of each namespace in the scenario that it shows."""
    listed = json.loads(machine.channel.run("ndctl list -Ni -v") or "[]")
    unclaimed = sorted(listed if isinstance(listed, list) else [listed], key=lambda one: str(one["dev"]))
    sizes = machine.channel.run("cd /sys/bus/nd/devices; for r in region*; do echo $r $(cat $r/size); done")
    region = {int(size): name.removeprefix("region") for name, size in (line.split() for line in sizes.splitlines())}
    found: dict[str, dict[str, object]] = {}
    for dimm in machine.scenario.nvdimms:
        ours = f"namespace{region[dimm.region_mib << 20]}."
        for space in dimm.namespaces:
            fits = (one for one in unclaimed if one.get("name") == space.label_name and one["dev"].startswith(ours))
            if one := next(fits, None):
                unclaimed.remove(one)
                found[space.name] = one
    return found


def chardev(shown: dict[str, object]) -> str | None:
    """The dax device of a namespace as ndctl shows it; None when it has none."""
    region = shown.get("daxregion")
    devices = region.get("devices", ()) if isinstance(region, dict) else ()
    return next((str(one["chardev"]) for one in devices), None)


def table(machine: Machine) -> str:
    """The key as tab-separated text."""
    rows = [COLUMNS]
    at = {f"/dev/{one.disk}": one.address for one in controllers(machine)}
    known = disks(machine)
    away = machine.channel.run("ls /sys/bus/pci/drivers/vfio-pci | grep : || true").split()
    rows += [
        _ssd(
            ssd, at.get(known.get(ssd.name, ""), "") or (away.pop() if len(away) == 1 else ""), known.get(ssd.name, "")
        )
        for ssd in machine.scenario.ssds
    ]
    shown = namespaces(machine) if machine.scenario.nvdimms else {}
    rows += [_namespace(space, shown.get(space.name)) for dimm in machine.scenario.nvdimms for space in dimm.namespaces]
    return "".join("\t".join(row) + "\n" for row in rows)


def _ssd(ssd: Ssd, address: str, disk: str) -> tuple[str, ...]:
    shape = ssd.use.value or ("" if ssd.place is Place.OWN_PORT else ssd.place.name.lower().replace("_", "-"))
    return ("ssd", ssd.name, ssd.serial, address, disk, shape or "nothing")


def _namespace(space: Namespace, shown: dict[str, object] | None) -> tuple[str, ...]:
    shown = shown or {}
    uuid = shown.get("raw_uuid") or shown.get("uuid") or ""
    device = chardev(shown) or shown.get("blockdev") or ""
    return ("namespace", space.name, str(uuid), str(shown.get("dev", "")), str(device), space.shape.value)
