"""What tests want to know about the SSDs of a running lab."""

from __future__ import annotations

from lab import guest, servers
from lab.cloud import Provider
from lab.lab import Lab
from lab.scenario import Ssd
from lab.steps import wait_for

FREE = ("far", "free")
CLASS = "CUSTOM_SSD"
FLAVOR = {"resources1:CUSTOM_SSD": "1"}


def providers(lab: Lab) -> dict[str, Provider]:
    """Our providers by the SSD's serial, which ends their name."""
    return {one.name.rpartition("_")[2]: one for one in lab.cloud.providers() if CLASS in one.inventories}


def available(lab: Lab, *ssds: Ssd) -> bool:
    """Whether Placement offers all of these SSDs and nobody has them."""
    known = providers(lab)
    return all(
        ssd.serial in known
        and not known[ssd.serial].inventories[CLASS]["reserved"]
        and not known[ssd.serial].usages[CLASS]
        for ssd in ssds
    )


def wait_until_available(lab: Lab, *ssds: Ssd) -> None:
    """Wait for cleaning and for Placement to hear of it."""
    wait_for(lambda: available(lab, *ssds), 2, lab.check)


def taken_by(lab: Lab, server: str) -> Ssd:
    """The SSD that a server has, told by the serial that its guest sees."""
    seen = guest.seen(servers.wait_for_console(lab, server))
    assert len(seen) == 1
    found = [ssd for ssd in lab.wish.scenario.ssds if ssd.serial == seen[0].serial]
    assert [ssd.name in FREE for ssd in found] == [True]
    assert seen[0].size_bytes == found[0].size_bytes
    return found[0]


def told(lab: Lab, *words: str) -> list[str]:
    """The lines of nova-compute's log, but for debugging, that have all of these words."""
    lines = lab.compute.log.read_text(errors="replace").splitlines()
    return [line for line in lines if " DEBUG " not in line and all(word in line for word in words)]
