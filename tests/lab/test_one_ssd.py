"""The way of one SSD on real kernel, vfio, privsep, libvirt, QEMU, Nova and Placement: from the slot to a guest and back, clean."""

from __future__ import annotations

import pytest

from lab import content, guest, ledger, servers, sham
from lab.lab import Lab
from lab.scenario import Chance, Ssd
from lab.steps import say, wait_for
from tests.lab.ssds import CLASS, providers, taken_by, wait_until_available

pytestmark = pytest.mark.smoke


def test_offers_the_free_ssds_and_says_why_not_the_others(lab: Lab, free: list[Ssd]) -> None:
    scenario = lab.wish.scenario
    with lab.steps.step("SSDs are found, read and offered", 120):
        wait_until_available(lab, *free)
    for serial, one in sorted(providers(lab).items()):
        say(f"  {one.name}: {dict(one.inventories[CLASS])['total']} {CLASS}, traits {' '.join(sorted(one.traits))}")
        assert one.inventories[CLASS]["total"] == 1
        assert {"CUSTOM_SSD_VENDOR_ID_1B36", "CUSTOM_SSD_PRODUCT_ID_0010"} <= one.traits
        assert ("CUSTOM_NUMA_NODE_1" in one.traits) == (serial == scenario.ssd("far").serial)
    assert set(providers(lab)) == {ssd.serial for ssd in free}
    with lab.steps.step("the others are refused with the reason", 60):
        known = ledger.read(lab.machine)
    for ssd in scenario.ssds:
        verdict = known.verdict(ssd.serial)
        assert verdict is not None
        say(f"  {ssd.name} at {verdict.address}: {verdict.sentence}")
    assert "/srv/own" in known.verdict(scenario.ssd("own-disk").serial).sentence
    shared = {name: known.verdict(scenario.ssd(name).serial) for name in ("shared-a", "shared-b")}
    assert shared["shared-b"].address in shared["shared-a"].sentence
    assert shared["shared-a"].address in shared["shared-b"].sentence


def test_a_guest_gets_the_ssd_and_leaves_it_clean(lab: Lab, flavor: str, free: list[Ssd], chance: Chance) -> None:
    nonce, offset = chance.nonce(), chance.offset(min(ssd.size_bytes for ssd in free), 32)
    with lab.steps.step("server with an SSD is ACTIVE", 240):
        image = lab.images.guest(f"accel.nonce={nonce} accel.offset={offset}")
        server = lab.cloud.boot("first", flavor, image)
        servers.wait_for_status(lab, server, "ACTIVE")
    with lab.steps.step("its guest sees exactly one SSD and writes to it", 180):
        ssd = taken_by(lab, server)
        console = servers.wait_for_console(lab, server)
    assert guest.seen(console)[0].first_mib_zero
    assert guest.wrote(console, nonce)
    backing = lab.machine.backing_image(ssd.name)
    assert content.at(backing, offset, len(nonce)) == nonce.encode()
    assert providers(lab)[ssd.serial].allocations.keys() == {server}

    with lab.steps.step("nova-compute is killed and starts again", 300):
        before = servers.qemu_pids(lab)
        lab.compute.kill()
        lab.start_compute()
    assert servers.qemu_pids(lab) == before != frozenset()
    assert lab.cloud.status(server) == "ACTIVE"
    assert providers(lab)[ssd.serial].allocations.keys() == {server}
    entry = ledger.read(lab.machine).handles[ssd.serial]
    assert (entry.state, entry.server) == ("assigned", server)
    assert content.at(backing, offset, len(nonce)) == nonce.encode()

    with lab.steps.step("server is deleted, its SSD cleaned and available", 180):
        servers.delete(lab, server)
        wait_until_available(lab, *free)
    assert content.first_data(backing) is None
    assert ledger.read(lab.machine).handles[ssd.serial].state == "available"


def test_with_all_ssds_taken_the_next_server_finds_no_host(lab: Lab, flavor: str, free: list[Ssd]) -> None:
    with lab.steps.step("as many servers as SSDs are ACTIVE", 300):
        image = lab.images.guest()
        taken = servers.boot_several(lab, [f"taker-{number}" for number in range(len(free))], flavor, image)
        for server in taken:
            servers.wait_for_status(lab, server, "ACTIVE")
    with lab.steps.step("each guest has another SSD, the first one's among them", 180):
        assert {taken_by(lab, server) for server in taken} == set(free)
    with lab.steps.step("one more server finds no host", 60):
        late = lab.cloud.boot("late", flavor, image)
        servers.wait_for_status(lab, late, "ERROR")
    assert "No valid host" in lab.cloud.fault(late)
    with lab.steps.step("all are deleted, all SSDs available", 240):
        servers.delete(lab, late, *taken)
        wait_until_available(lab, *free)
    assert [content.first_data(lab.machine.backing_image(ssd.name)) for ssd in free] == [None] * len(free)


@pytest.mark.full
def test_an_eraser_that_erases_nothing_leaves_the_ssd_reserved(
    lab: Lab, flavor: str, chance: Chance, free: list[Ssd]
) -> None:
    nonce, offset = chance.nonce(), chance.offset(min(ssd.size_bytes for ssd in free), 32)
    with sham.erasers(lab.machine):
        with lab.steps.step("server writes to its SSD, while erasing does nothing", 300):
            image = lab.images.guest(f"accel.nonce={nonce} accel.offset={offset}")
            server = lab.cloud.boot("unlucky", flavor, image)
            servers.wait_for_status(lab, server, "ACTIVE")
            ssd = taken_by(lab, server)
        with lab.steps.step("after its end the SSD is reserved, with the reason", 180):
            servers.delete(lab, server)
            entry = wait_for(lambda: _failed(lab, ssd), 3)
        assert sham.used(lab.machine)
    say(f"  {entry.identity}: {entry.state}: {entry.reason}")
    assert "still holds data" in entry.reason
    assert providers(lab)[ssd.serial].inventories[CLASS]["reserved"] == 1
    assert content.at(lab.machine.backing_image(ssd.name), offset, len(nonce)) == nonce.encode()

    with lab.steps.step("with a real eraser and a new start it is cleaned after all", 300):
        lab.compute.kill()
        lab.start_compute()
        wait_until_available(lab, *free)
    assert content.first_data(lab.machine.backing_image(ssd.name)) is None


def _failed(lab: Lab, ssd: Ssd) -> ledger.Handle | None:
    lab.check()
    entry = ledger.read(lab.machine).handles[ssd.serial]
    reserved = providers(lab)[ssd.serial].inventories[CLASS]["reserved"]
    return entry if entry.state == "clean failed" and reserved else None
