"""What ``./run faults`` counts is seen when it happens: the watch over guests that start and devices that are erased."""

import json
from pathlib import Path

import pytest

from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from tests.fakes.host import FakeSsd
from tests.faults.findings import Rule
from tests.faults.machine import KeptHost, TrappedHost
from tests.faults.outcome import Outcome
from tests.faults.points import AFTER, BEFORE, Point
from tests.faults.rules import Watch
from tests.faults.table import Row, printed
from tests.faults.trap import Trap
from tests.faults.world import World

ONE, OTHER = "11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"
SSD = HandleId("CUSTOM_SSD", "SN01")
XML = (
    '<domain><devices><hostdev mode="subsystem" type="pci"><source>'
    '<address domain="0x0000" bus="0x01" slot="0x00" function="0x0"/></source></hostdev></devices></domain>'
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def watch(world: World) -> Watch:
    watch = Watch(world, "compute1")
    inner = TrappedHost(world.folder / "compute1", [FakeSsd("0000:01:00.0", "SN01")])
    watch.machine = KeptHost(inner, world.machine("compute1"), Trap(), watch.erasing)
    return watch


def runs(world: World, *servers: str) -> None:
    domains = [{"uuid": server, "xml": XML, "runs": True} for server in servers]
    world.domains("compute1").write_text(json.dumps(domains))


def rules(world: World) -> list[Rule]:
    return [rule for rule, _ in world.findings.all()]


def test_a_guest_that_finds_another_servers_bytes_is_a_leak(watch: Watch, world: World) -> None:
    watch.started(ONE, XML)
    assert rules(world) == []
    watch.started(OTHER, XML)
    assert rules(world) == [Rule.LEAK]


def test_a_guest_that_starts_again_finds_its_own(watch: Watch, world: World) -> None:
    watch.started(ONE, XML)
    watch.started(ONE, XML)
    assert rules(world) == []


def test_a_handle_in_two_running_guests_is_a_double_assignment(watch: Watch, world: World) -> None:
    runs(world, ONE, OTHER)
    watch.started(OTHER, XML)
    assert rules(world) == [Rule.DOUBLE]


def ledger_with_a_server(world: World) -> Ledger:
    ledger = Ledger(str(world.ledger("compute1")))
    ledger.add(SSD, "ssd_SN01", "new")
    ledger.found_zero(SSD)
    ledger.claim([SSD], ONE)
    return ledger


def test_erasing_what_a_server_has_not_released_is_seen(watch: Watch, world: World) -> None:
    ledger_with_a_server(world)
    watch.machine.erase("0000:01:00.0", "SN01", "format")
    assert rules(world) == [Rule.ERASED]


def test_erasing_what_was_released_is_right_unless_its_guest_still_runs(watch: Watch, world: World) -> None:
    ledger = ledger_with_a_server(world)
    ledger.release(ONE, "a test")
    ledger.start_cleaning(SSD)
    watch.machine.erase("0000:01:00.0", "SN01", "format")
    assert rules(world) == []
    runs(world, ONE)
    watch.machine.erase("0000:01:00.0", "SN01", "format")
    assert rules(world) == [Rule.ERASED]


def test_a_machine_is_the_same_for_who_opens_it_next(watch: Watch, world: World) -> None:
    watch.machine.hand_over("0000:01:00.0", "SN01")
    watch.machine.write("SN01", ONE)
    again = KeptHost.opened(world.machine("compute1"), Trap(), watch.erasing)
    assert again.inner.ssds["0000:01:00.0"].bound_to == "vfio-pci"
    assert again.read("SN01") == {ONE}


def test_the_trap_notes_each_point_that_is_passed(watch: Watch) -> None:
    trap = Trap()
    watch.machine._trap = trap
    watch.machine.settle("0000:01:00.0")
    assert trap.reached == {Point("settle", BEFORE), Point("settle", AFTER)}


def test_the_table_counts_what_was_tried_and_what_was_found() -> None:
    row = Row("a fault")
    row.add(Outcome((), operator_spoke=True))
    row.add(Outcome(((Rule.LEAK, "one"), (Rule.LEAK, "two")), operator_spoke=False))
    row.add(Outcome((), operator_spoke=False, broken="not reached"))
    lines = list(printed([row]))
    assert lines[1].split("  ")[0] == "a fault"
    assert lines[1].split()[2:] == ["2", "2", "0", "0", "0", "1"]
