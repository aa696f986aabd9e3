"""The main job, told in steps: from what is in a host to a guest and back to free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from demo.acts import ending, host, server
from demo.stage import Stage
from demo.telling import Telling


@dataclass(frozen=True)
class Step:
    """One step; ``does`` notes its checks in the journal."""

    name: str
    says: str
    """What it shows."""
    limit_s: float | None
    """None: it has limits of its own."""
    does: Callable[[Telling], None]


def steps(stage: Stage) -> list[Step]:
    """All steps, in order."""
    return [
        Step("The host and Nova start", stage.about, stage.start_limit_s, host.start),
        Step("What is in the host", _FOUND, 300, host.find),
        Step("What Placement offers", _OFFERED, 240, host.offer),
        Step("A flavor", _FLAVOR, 60, host.flavor),
        Step("A server", _SERVER, 300, server.boot),
        Step("Its allocations", _ALLOCATED, 60, server.allocate),
        Step("Its XML, as libvirt gives it back", _XML, 60, server.describe),
        Step("From inside the guest", _INSIDE if stage.guest_is_real else _NO_GUEST, 240, server.look),
        Step("Stop and start", _RESTART, 600, server.restart),
        Step("Delete", _DELETE, 480, ending.delete),
        Step("Free again", _FREE, 240, ending.free),
    ]


_FOUND = (
    "Every SSD and every PMEM namespace gets a verdict. What the host itself uses, or cannot be given away safely, is never offered, and "
    "the reason is a sentence that an operator can act on. What is offered (✓) was read as a whole first: it holds nothing."
)
_OFFERED = (
    "Each SSD, and each PMEM region, is a resource provider below the compute node, with inventories and traits that a flavor can ask for. "
    "What holds data that nobody released stays reserved."
)
_FLAVOR = "All that a user needs: a flavor that asks for an SSD and for persistent memory in Nova's own words."
_SERVER = (
    "Nova's scheduler and Placement find the host; nova_accel gives the server its devices where the guest starts."
)
_ALLOCATED = "What Placement has given to the server, and which very devices nova_accel has chosen for it."
_XML = (
    "The guest gets the SSD as a PCI device and each namespace as an NVDIMM. The alias names the device itself, so that it is told from "
    "another one that may sit at its address tomorrow."
)
_INSIDE = "What the guest says on its console: the serial of its SSD, the sizes of its memories, what was there, and what it has written."
_NO_GUEST = (
    "There is no guest on this stage: libvirt is Nova's fake one. So this is no guest's view: the addresses in the domain's XML are "
    "followed to the content behind the recorded devices, and a random text is written there in the guest's place."
)
_RESTART = "What a guest has written stays its own until the server is deleted."
_DELETE = "The devices are erased and read back before anybody else may have them."
_FREE = "Placement offers them as in the beginning."
