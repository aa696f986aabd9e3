"""What tests want to know about the PMEM namespaces of a running lab."""

from __future__ import annotations

import dataclasses
import pathlib

from lab import content, ledger, shapes
from lab.cloud import Provider
from lab.configuration import PMEM
from lab.lab import Lab
from lab.scenario import Nvdimm
from lab.steps import wait_for

PREFIX = "CUSTOM_PMEM_NAMESPACE_"


@dataclasses.dataclass(frozen=True)
class Space:
    """A devdax namespace of L1, and where its content lies on the host."""

    name: str
    uuid: str
    dev: str
    path: str
    size_bytes: int
    align_bytes: int
    node: int
    image: pathlib.Path
    start: int

    @property
    def is_zero(self) -> bool:
        """Whether there is nothing in the host's file where the namespace's content lies."""
        return content.first_data(self.image, self.start, self.size_bytes) is None

    def holds(self, text: str, offset: int) -> bool:
        """Whether ``text`` is at byte ``offset`` of the namespace, in the host's file."""
        return content.at(self.image, self.start + offset, len(text)) == text.encode()


def look(lab: Lab) -> dict[str, Space]:
    """The namespaces that pmem_namespaces names, by their names."""
    shown = shapes.namespaces(lab.machine)
    wanted = [name for names in PMEM.values() for name in names]
    dimms = {space.name: dimm for dimm in lab.wish.scenario.nvdimms for space in dimm.namespaces}
    return {name: _space(lab, name, shown[name], dimms[name]) for name in wanted}


def _space(lab: Lab, name: str, shown: dict[str, object], dimm: Nvdimm) -> Space:
    dev, chardev = str(shown["dev"]), str(shapes.chardev(shown))
    region = f"region{dev.removeprefix('namespace').partition('.')[0]}"
    text = lab.machine.channel.run(
        f"cd /sys/bus/dax/devices/{chardev}; cat resource size align /sys/bus/nd/devices/{region}/resource"
    )
    resource, size, align, base = (int(line, 0) for line in text.split())
    return Space(
        name=name,
        uuid=str(shown.get("raw_uuid") or shown["uuid"]),
        dev=dev,
        path=f"/dev/{chardev}",
        size_bytes=size,
        align_bytes=align,
        node=dimm.node,
        image=lab.machine.backing_image(dimm.name),
        start=resource - base,
    )


def providers(lab: Lab) -> dict[str, Provider]:
    """Our providers of persistent memory, by their names."""
    return {one.name: one for one in lab.cloud.providers() if any(name.startswith(PREFIX) for name in one.inventories)}


def offered(lab: Lab, label: str) -> int:
    """How many namespaces of a label Placement has for the next server."""
    inventories = [(one.inventories[PREFIX + label], one.usages[PREFIX + label]) for one in _with(lab, label)]
    return sum(int(inventory["total"]) - int(inventory["reserved"]) - used for inventory, used in inventories)


def consumers(lab: Lab, label: str) -> set[str]:
    """The servers that have allocated something from the providers of a label."""
    return {server for one in _with(lab, label) for server in one.allocations}


def _with(lab: Lab, label: str) -> list[Provider]:
    return [one for one in providers(lab).values() if PREFIX + label in one.inventories]


def wait_until_all_offered(lab: Lab) -> None:
    """Wait for cleaning, and for Placement to hear of it."""
    wait_for(lambda: all(offered(lab, label) == len(names) for label, names in PMEM.items()), 2, lab.check)


def states(lab: Lab, *spaces: Space) -> set[str]:
    """What the ledger says about these namespaces."""
    known = ledger.read(lab.machine).handles
    return {known[space.uuid].state for space in spaces}


def reason(lab: Lab, space: Space) -> str:
    """Why the ledger does not have a namespace as available; empty when it has."""
    known = ledger.read(lab.machine).handles
    return known[space.uuid].reason if space.uuid in known else ""
