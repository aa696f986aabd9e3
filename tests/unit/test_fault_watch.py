"""What ``./run faults`` counts is seen when it happens: the watch over guests that start and devices that are erased."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from tests.fakes.host import FakeSsd
from tests.faults.findings import Rule
from tests.faults.machine import KeptHost, TrappedHost
from tests.faults.outcome import Outcome, Word
from tests.faults.points import AFTER, BEFORE, Point
from tests.faults.rules import Watch
from tests.faults.table import Row, never_spoken, printed
from tests.faults.trap import Trap
from tests.faults.world import World

ONE, OTHER = "11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"
SSD = HandleId("CUSTOM_SSD", "SN01")
XML = (
    '<domain><devices><hostdev mode="subsystem" type="pci"><source>'
    '<address domain="0x0000" bus="0x01" slot="0x00" function="0x0"/></source></hostdev></devices></domain>'
)


NOVAS_TABLES = """
    CREATE TABLE instances (uuid, host, vm_state, task_state, deleted);
    CREATE TABLE instance_extra (instance_uuid, resources, migration_context);
    CREATE TABLE migrations (id, source_compute, status, deleted);
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    with novas(world) as database:
        database.executescript(NOVAS_TABLES)
    return world


@contextlib.contextmanager
def novas(world: World) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(world.cell())) as database, database:
        yield database


def resources(*identities: str) -> dict[str, object]:
    """A list of resources in Nova's own words."""
    return {"nova_object.data": {"objects": [{"nova_object.data": {"identifier": one}} for one in identities]}}


def nova_knows(
    world: World, server: str, *has: str, host: str = "compute1", task: str | None = None, had: str = "", move: str = ""
) -> None:
    """Nova's database has a server.

    :param had: what it had on compute1 before a move
    :param move: the status of that
    """
    context = json.dumps({"nova_object.data": {"migration_id": 7, "old_resources": resources(had)}}) if had else None
    with novas(world) as database:
        for table in ("instances", "instance_extra", "migrations"):
            database.execute(f"DELETE FROM {table}")
        database.execute("INSERT INTO instances VALUES (?, ?, 'active', ?, 0)", (server, host, task))
        database.execute("INSERT INTO instance_extra VALUES (?, ?, ?)", (server, json.dumps(resources(*has)), context))
        database.execute("INSERT INTO migrations VALUES (7, 'compute1', ?, 0)", (move,))


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


def test_a_guest_that_does_not_find_what_it_wrote_is_seen(watch: Watch, world: World) -> None:
    watch.started(ONE, XML)
    watch.machine.inner.ssds["0000:01:00.0"].content.clear()
    watch.started(ONE, XML)
    assert rules(world) == [Rule.ERASED]


def test_a_guest_need_not_find_what_was_rightly_erased(watch: Watch, world: World) -> None:
    watch.started(ONE, XML)
    released_and_cleaned(world)
    watch.machine.erase("0000:01:00.0", "SN01", "format")
    watch.started(ONE, XML)
    assert rules(world) == []


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


def released_and_cleaned(world: World) -> None:
    """The ledger says that it may be erased, whatever Nova says."""
    ledger = ledger_with_a_server(world)
    ledger.release(ONE, "a test")
    ledger.start_cleaning(SSD)


@pytest.mark.parametrize("task", [None, "powering-off", "reboot_started_hard", "resize_migrated"])
def test_erasing_what_novas_database_gives_to_a_server_is_seen_whatever_the_ledger_says(
    watch: Watch, world: World, task: str | None
) -> None:
    released_and_cleaned(world)
    nova_knows(world, ONE, "SN01", task=task)
    watch.machine.erase("0000:01:00.0", "SN01", "format")
    assert rules(world) == [Rule.ERASED]


@pytest.mark.parametrize("status", ["finished", "post-migrating", "error", "confirming", "reverted"])
def test_erasing_what_a_move_has_left_is_seen_until_it_has_come_to_its_end(
    watch: Watch, world: World, status: str
) -> None:
    released_and_cleaned(world)
    nova_knows(world, ONE, "SN21", host="compute2", had="SN01", move=status)
    watch.machine.erase("0000:01:00.0", "SN01", "format")
    assert rules(world) == [Rule.ERASED]


def test_erasing_what_a_move_has_left_is_right_afterwards(watch: Watch, world: World) -> None:
    released_and_cleaned(world)
    nova_knows(world, ONE, "SN21", host="compute2", had="SN01", move="confirmed")
    watch.machine.erase("0000:01:00.0", "SN01", "format")
    assert rules(world) == []


def test_erasing_is_right_while_its_server_is_deleted_and_while_it_is_rebuilt(watch: Watch, world: World) -> None:
    ledger = ledger_with_a_server(world)
    nova_knows(world, ONE, "SN01", task="rebuild_spawning")
    watch.machine.erase("0000:01:00.0", "SN01", "format")
    nova_knows(world, ONE, "SN01", task="deleting")
    ledger.release(ONE, "a test")
    ledger.start_cleaning(SSD)
    watch.machine.erase("0000:01:00.0", "SN01", "format")
    assert rules(world) == []


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
    word = (Word.CLEANING, "clean it")
    row.add(Outcome((), asked=(word,), expected=frozenset({Word.CLEANING})))
    row.add(Outcome((), asked=(word,)))
    row.add(Outcome(((Rule.LEAK, "one"), (Rule.LEAK, "two"))))
    row.add(Outcome((), broken="not reached"))
    lines = list(printed([row]))
    assert lines[1].split("  ")[0] == "a fault"
    assert lines[1].split()[2:] == ["3", "2", "0", "0", "0", "0", "2", "1"]


def test_a_word_that_is_expected_and_spoken_in_no_try_stands_below_the_table() -> None:
    both = frozenset({Word.STATE, Word.ALLOCATION})
    state = (Word.STATE, "server 1")
    outcomes = [
        ("a move", Outcome((), expected=both)),
        ("a move", Outcome((), asked=(state,), expected=both)),
        ("a suspend", Outcome((), expected=frozenset({Word.STATE}))),
        ("a boot", Outcome(())),
    ]
    begin = "expected of an operator, and not necessary in any try"
    assert list(never_spoken(outcomes)) == [
        f"{begin}: a move: {Word.ALLOCATION.value}",
        f"{begin}: a suspend: {Word.STATE.value}",
    ]


def test_a_try_that_says_nothing_does_not_say_that_a_word_is_not_necessary() -> None:
    assert not list(never_spoken([("a move", Outcome((), broken="not reached", expected=frozenset({Word.STATE})))]))


def test_a_word_that_is_not_expected_of_an_operator_makes_a_try_bad() -> None:
    cleaning, foreign = (Word.CLEANING, "SN01"), (Word.FOREIGN, "SN01")
    assert Outcome((), (cleaning,), expected=frozenset({Word.CLEANING})).is_good
    assert not Outcome((), (cleaning, foreign), expected=frozenset({Word.CLEANING})).is_good
    assert not Outcome((), (cleaning,)).is_good
