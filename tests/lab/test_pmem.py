"""An SSD and persistent memory together: from the host to a guest, through stop and start, and back clean."""

from __future__ import annotations

import pytest

from lab import domain, guest, ledger, servers
from lab.configuration import PMEM
from lab.lab import Lab
from lab.scenario import Chance, Ssd
from lab.steps import say
from nova_accel.xml.memory import NvdimmMemory
from tests.lab import spaces
from tests.lab.spaces import PREFIX, Space
from tests.lab.ssds import taken_by, wait_until_available

pytestmark = pytest.mark.smoke

GUEST_MIB = 256
BY_RESOURCES = {
    "resources1:CUSTOM_SSD": "1",
    "resources2:CUSTOM_PMEM_NAMESPACE_LAB": "1",
    "resources3:CUSTOM_PMEM_NAMESPACE_FAR": "1",
    "group_policy": "none",
}
BY_HW_PMEM = {"resources1:CUSTOM_SSD": "1", "hw:pmem": "FAR,LAB,LAB"}


def test_offers_the_configured_namespaces_and_says_why_not_the_other(lab: Lab) -> None:
    with lab.steps.step("namespaces are found and offered", 120):
        spaces.wait_until_all_offered(lab)
    for name, one in sorted(spaces.providers(lab).items()):
        totals = {key: value["total"] for key, value in one.inventories.items()}
        say(f"  {name}: {totals}, traits {' '.join(sorted(one.traits))}")
        assert set(one.inventories) <= one.traits
    by_class = {key: one for one in spaces.providers(lab).values() for key in one.inventories}
    assert {key: one.inventories[key]["total"] for key, one in by_class.items()} == {
        PREFIX + label: len(names) for label, names in PMEM.items()
    }
    assert "CUSTOM_NUMA_NODE_0" in by_class[PREFIX + "LAB"].traits
    assert "CUSTOM_NUMA_NODE_1" in by_class[PREFIX + "FAR"].traits
    known = ledger.read(lab.machine).sightings
    for address, verdict in sorted(known.items()):
        if address.startswith("namespace"):
            say(f"  {address}: {verdict.sentence}")
    assert "not configured" in {one.reason for one in known.values()}


def test_a_guest_gets_an_ssd_and_two_namespaces_keeps_their_content_and_leaves_them_clean(
    lab: Lab, free: list[Ssd], chance: Chance
) -> None:
    wait_until_available(lab, *free)
    known = spaces.look(lab)
    nonce, offset = chance.nonce(), chance.offset(min(guest_bytes(one) for one in known.values()), 64)
    with lab.steps.step("server with an SSD and two namespaces is ACTIVE", 300):
        image = lab.images.guest(f"accel.pmem_nonce={nonce} accel.pmem_offset={offset}")
        server = lab.cloud.boot("memory", lab.cloud.flavor("by-resources", BY_RESOURCES, GUEST_MIB), image)
        servers.wait_for_status(lab, server, "ACTIVE")
    with lab.steps.step("its guest sees them, of the promised size, all zero", 180):
        ssd = taken_by(lab, server)
        seen = guest.seen_pmem(servers.wait_for_console(lab, server))
    taken = of(lab, known, server)
    say(f"  {ssd.name}, {[one.name for one in taken]}: {seen}")
    assert [one.name in names for one, names in zip(taken, (PMEM["LAB"], PMEM["FAR"]), strict=True)] == [True, True]
    assert [one.size_bytes for one in seen] == [guest_bytes(one) for one in taken]
    assert all(one.zero and one.wrote and not one.found for one in seen)
    assert holding(taken, nonce, offset) == [True, True]
    assert spaces.states(lab, *taken) == {"assigned"}
    assert domain.hostdevs(lab.machine, server) == ["no"]
    allowed(lab, server, taken)

    with lab.steps.step("after stop and start it finds what it wrote, in the same order", 300):
        again = restart(lab, server)
    assert [one.path for one in of(lab, known, server)] == [one.path for one in taken]
    assert [one.found for one in again] == [f"{nonce}-{number}" for number in range(2)]
    assert taken_by(lab, server) == ssd

    with lab.steps.step("server is deleted, its memory zeroed and available", 240):
        servers.delete(lab, server)
        spaces.wait_until_all_offered(lab)
        wait_until_available(lab, *free)
    assert [one.is_zero for one in taken] == [True, True]
    assert spaces.states(lab, *taken) == {"available"}

    with lab.steps.step("another server gets three of them by hw:pmem, all zero", 360):
        image = lab.images.guest(f"accel.pmem_nonce={nonce} accel.pmem_offset={offset}")
        other = lab.cloud.boot("other", lab.cloud.flavor("by-hw-pmem", BY_HW_PMEM), image)
        servers.wait_for_status(lab, other, "ACTIVE")
        seen = guest.seen_pmem(servers.wait_for_console(lab, other))
    given = of(lab, known, other)
    say(f"  {[one.name for one in given]}: {seen}")
    assert [one.name in PMEM[label] for one, label in zip(given, ("FAR", "LAB", "LAB"), strict=True)] == [True] * 3
    assert [one.size_bytes for one in seen] == [guest_bytes(one) for one in given]
    assert all(one.zero and not one.found for one in seen)
    assert holding(given, nonce, offset) == [True] * 3
    with lab.steps.step("it is deleted, all is available", 240):
        servers.delete(lab, other)
        spaces.wait_until_all_offered(lab)
        wait_until_available(lab, *free)
    assert all(one.is_zero for one in known.values())


def guest_bytes(space: Space) -> int:
    """What the library promises that a guest sees of a namespace."""
    return NvdimmMemory.for_dax(space.path, space.size_bytes, space.align_bytes, "ua-any").guest_bytes


def of(lab: Lab, known: dict[str, Space], server: str) -> list[Space]:
    """The namespaces that a running server has, in the order of its XML."""
    shown = domain.nvdimms(lab.machine, server)
    assert all(one.pmem and one.access == "shared" and one.label_kib == 2048 for one in shown)
    assert all(one.alias.startswith("ua-accel-") for one in shown)
    by_path = {one.path: one for one in known.values()}
    found = [by_path[lab.machine.channel.run(["readlink", "-f", one.path]).strip()] for one in shown]
    assert [one.path for one in shown] == [f"/dev/nova_accel/{one.uuid}" for one in found]
    assert len({one.uuid for one in found}) == len(found)
    return found


def holding(taken: list[Space], nonce: str, offset: int) -> list[bool]:
    """Whether each namespace has its own nonce, in the host's file."""
    return [one.holds(f"{nonce}-{number}", offset) for number, one in enumerate(taken)]


def restart(lab: Lab, server: str) -> list[guest.SeenPmem]:
    """Stop and start a server; what its guest then sees."""
    lab.cloud.act(server, "os-stop")
    servers.wait_for_status(lab, server, "SHUTOFF")
    lab.machine.channel.run(f": > {servers.CONSOLE.format(uuid=server)}")
    lab.cloud.act(server, "os-start")
    servers.wait_for_status(lab, server, "ACTIVE")
    return guest.seen_pmem(servers.wait_for_console(lab, server))


def allowed(lab: Lab, server: str, taken: list[Space]) -> None:
    """QEMU's own user has the dax devices, and may lock the guest's memory with them, as vfio does."""
    process = domain.emulator(lab.machine, server, [one.path for one in taken])
    say(f"  {process}")
    assert process.user == "libvirt-qemu"
    assert {owner.split()[0] for owner in process.device_owners.values()} == {"libvirt-qemu"}
    assert process.locked_kib >= GUEST_MIB << 10
    with_memory = (GUEST_MIB << 20) + sum(guest_bytes(one) for one in taken)
    assert process.locked_limit_kib is None or process.locked_limit_kib << 10 >= with_memory
