"""SSDs that are pulled, put back, exchanged and added while nova-compute runs."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest

from lab import content, ledger, servers
from lab.lab import Lab
from lab.scenario import Chance, Ssd
from lab.steps import say, wait_for
from tests.lab import tricks, udev
from tests.lab.ssds import CLASS, available, providers, taken_by, told, wait_until_available

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


def pull(lab: Lab, ssd: Ssd, at: str) -> None:
    """Pull an SSD and wait until L1 has let go of it."""
    lab.machine.unplug(ssd.name)
    wait_for(lambda: incarnation(lab, at) is None, alive=lab.check)


def test_an_ssd_that_was_pulled_and_put_back_has_another_incarnation(lab: Lab, free: list[Ssd]) -> None:
    ssd = next(ssd for ssd in free if ssd.name == "free")
    with lab.steps.step("all SSDs are available", 120):
        wait_until_available(lab, *free)
        at = wait_for(lambda: address(lab, ssd), alive=lab.check)
        before = incarnation(lab, at)
    with lab.steps.step("an SSD is pulled", 120):
        pull(lab, ssd, at)
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


def test_another_ssd_in_its_slot_is_another_one_and_a_new_one_is_found(
    lab: Lab, free: list[Ssd], chance: Chance
) -> None:
    ssd = next(ssd for ssd in free if ssd.name == "free")
    other, new = (dataclasses.replace(chance.ssd(name), size_mib=64) for name in ("other", "new"))
    at = wait_for(lambda: address(lab, ssd), alive=lab.check)
    with lab.steps.step("an SSD is exchanged for another, and one is added", 240):
        pull(lab, ssd, at)
        lab.machine.put(other, f"port-{ssd.name}")
        lab.machine.put(new, "port-empty")
        wait_until_available(lab, other, new)
    assert address(lab, other) == at
    assert _withdrawn(lab, ssd)
    with lab.steps.step("both are pulled, the first one is put back", 240):
        where = [(one, wait_for(lambda one=one: address(lab, one), alive=lab.check)) for one in (other, new)]
        for one, there in where:
            pull(lab, one, there)
        lab.machine.plug(ssd.name)
        wait_until_available(lab, *free)
        wait_for(lambda: not {other.serial, new.serial} & providers(lab).keys(), 3, lab.check)


def test_an_ssd_pulled_out_of_a_guest_keeps_its_place_until_its_server_is_gone(
    lab: Lab, free: list[Ssd], flavor: str, chance: Chance, tmp_path: pathlib.Path
) -> None:
    nonce, offset = chance.nonce(), chance.offset(min(ssd.size_bytes for ssd in free), 32)
    with lab.steps.step("servers have all SSDs and write to them", 420):
        wait_until_available(lab, *free)
        image = lab.images.guest(f"accel.nonce={nonce} accel.offset={offset}")
        found = servers.boot_several(lab, [f"robbed-{number}" for number in range(len(free))], flavor, image)
        for server in found:
            servers.wait_for_status(lab, server, "ACTIVE")
        has = {taken_by(lab, server).name: server for server in found}
    ssd, server = lab.wish.scenario.ssd("free"), has["free"]
    at = ledger.read(lab.machine).addresses[ssd.serial]
    tricks.leave(lab, ssd, tricks.file_system(tmp_path))
    with lab.steps.step("one is pulled out of its guest", 240):
        lab.machine.unplug(ssd.name)
        wait_for(lambda: incarnation(lab, at) is None, alive=lab.check)
    with lab.steps.step("nova-compute says so and keeps its place", 180):
        said = wait_for(lambda: told(lab, ssd.serial, "gone"), 3, lab.check)
        wait_for(lambda: lab.cloud.last_report(), alive=lab.check)
    say("\n".join(f"  {line}" for line in said[-3:]))
    assert providers(lab)[ssd.serial].allocations.keys() == {server}
    assert ledger.read(lab.machine).handles[ssd.serial].server == server
    with lab.steps.step("put back, it is not offered, its data is there, and udev has not looked", 240):
        lab.machine.plug(ssd.name)
        wait_for(lambda: incarnation(lab, at), alive=lab.check)
        backing = lab.machine.backing_image(ssd.name)
        assert content.at(backing, offset, len(nonce)) == nonce.encode()
        assert not available(lab, ssd)
        disk = udev.disk(lab, ssd)
    say(f"  udev: {disk}")
    assert disk.there == "ext4"
    assert not disk.was_looked_at
    with lab.steps.step("the servers are deleted, all SSDs cleaned and available", 300):
        servers.delete(lab, *found)
        wait_until_available(lab, *free)
    assert [content.first_data(lab.machine.backing_image(one.name)) for one in free] == [None] * len(free)
    assert not udev.held(lab)


def _withdrawn(lab: Lab, ssd: Ssd) -> bool:
    known = providers(lab)
    return ssd.serial not in known or bool(known[ssd.serial].inventories[CLASS]["reserved"])
