"""An SSD that is pulled and put back."""

from __future__ import annotations

import pytest

from lab.lab import Lab
from lab.scenario import Ssd
from lab.steps import say, wait_for
from tests.lab.ssds import providers, wait_until_available

pytestmark = pytest.mark.full


def address(lab: Lab, ssd: Ssd) -> str | None:
    """The PCI address of the controller with an SSD's serial, None when there is none."""
    files = f"grep -l '^{ssd.serial} *$' /sys/class/nvme/*/serial 2> /dev/null"
    found = lab.machine.channel.run(f"for file in $({files}); do cat ${{file%serial}}address; done; true")
    return found.strip() or None


def incarnation(lab: Lab, at: str) -> int | None:
    """The inode number of a device's folder in sysfs, None when there is none."""
    found = lab.machine.channel.run(f"stat -L -c %i /sys/bus/pci/devices/{at}/ 2> /dev/null; true").strip()
    return int(found) if found else None


def test_an_ssd_that_was_pulled_and_put_back_has_another_incarnation(lab: Lab, free: list[Ssd]) -> None:
    ssd = next(ssd for ssd in free if ssd.name == "free")
    with lab.steps.step("all SSDs are available", 120):
        wait_until_available(lab, *free)
        at = wait_for(lambda: address(lab, ssd), alive=lab.check)
        before = incarnation(lab, at)
    with lab.steps.step("an SSD is pulled", 120):
        lab.machine.unplug(ssd.name)
        wait_for(lambda: incarnation(lab, at) is None, alive=lab.check)
    with lab.steps.step("it is not offered while it is away", 120):
        wait_for(lambda: _withdrawn(lab, ssd), 3, lab.check)
    with lab.steps.step("it is put back and available again", 240):
        lab.machine.plug(ssd.name)
        wait_for(lambda: address(lab, ssd), alive=lab.check)
        wait_until_available(lab, *free)
    after = incarnation(lab, at)
    say(f"  inode of /sys/bus/pci/devices/{at}/: {before}, then {after}")
    assert address(lab, ssd) == at
    assert None not in (before, after)
    assert before != after


def _withdrawn(lab: Lab, ssd: Ssd) -> bool:
    known = providers(lab)
    return ssd.serial not in known or bool(known[ssd.serial].inventories["CUSTOM_SSD"]["reserved"])
