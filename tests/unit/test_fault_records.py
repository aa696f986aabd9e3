"""``./run faults`` reads the record of cleaning as an auditor would: every line of it, and one for each device that is offered again."""

import json
from pathlib import Path

import pytest

from nova_accel.cleaning.record import RecordFile
from nova_accel.ledger.cleanings import CleaningRecord
from nova_accel.model import AttachHandle, HandleId, HandleKind
from tests.faults import records
from tests.faults.findings import Rule
from tests.faults.world import World

HOST, SSD = "compute1", "SN01"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def record(world: World, result: str = "clean", identity: str = SSD) -> None:
    """What nova-compute itself writes."""
    method, verified = ("format", "read as a whole, all zero") if result == "clean" else ("", "")
    words = CleaningRecord(identity, method, "2026-01-01", "2026-01-02", verified, result, "1.0", "a server")
    handle = AttachHandle(HandleId("CUSTOM_SSD", identity), HandleKind.PCI, "0000:01:00.0", "ssd")
    RecordFile(str(world.cleaning_record(HOST))).add(handle, words, 4096)


def found(world: World, *offered: str) -> list[str]:
    records.look(world, HOST, offered)
    assert {rule for rule, _ in world.findings.all()} <= {Rule.UNRECORDED}
    return [sentence for _, sentence in world.findings.all()]


def test_what_no_guest_had_needs_no_line(world: World) -> None:
    assert not found(world, SSD)


def test_what_is_offered_after_a_guest_needs_a_line_that_is_younger(world: World) -> None:
    record(world)
    records.guest_began(world, HOST, SSD)
    (sentence,) = found(world, SSD)
    assert sentence == "SN01 is offered, and no line of the cleaning record says that it is clean since a guest had it"


def test_what_was_cleaned_after_its_guest_is_right(world: World) -> None:
    record(world)
    records.guest_began(world, HOST, SSD)
    record(world, "it does not answer")
    record(world)
    assert not found(world, SSD)


def test_what_is_not_offered_needs_no_line_yet(world: World) -> None:
    records.guest_began(world, HOST, SSD)
    record(world, "it does not answer")
    assert not found(world)


@pytest.mark.parametrize("other", [("it does not answer", SSD), ("clean", "SN02")])
def test_neither_a_failure_nor_another_devices_line_will_do(world: World, other: tuple[str, str]) -> None:
    records.guest_began(world, HOST, SSD)
    record(world, *other)
    assert len(found(world, SSD)) == 1


@pytest.mark.parametrize("missing", ["method", "verified"])
def test_a_line_that_does_not_say_how_will_not_do(world: World, missing: str) -> None:
    record(world)
    words = json.loads(world.cleaning_record(HOST).read_text()) | {missing: ""}
    records.guest_began(world, HOST, SSD)
    with world.cleaning_record(HOST).open("a") as file:
        file.write(json.dumps(words) + "\n")
    assert len(found(world, SSD)) == 1


@pytest.mark.parametrize("line", ["\n", "{\n", "7\n", '{"identity": "SN01"}\n', '{"resource_class": "CUS'])
def test_a_line_that_cannot_be_read_is_seen(world: World, line: str) -> None:
    record(world)
    with world.cleaning_record(HOST).open("a") as file:
        file.write(line)
    assert found(world) == [f"line 2 of the cleaning record is {line!r}"]


def test_a_whole_line_whose_end_is_missing_is_seen(world: World) -> None:
    record(world)
    content = world.cleaning_record(HOST).read_text()
    world.cleaning_record(HOST).write_text(content.rstrip("\n"))
    assert len(found(world)) == 1
