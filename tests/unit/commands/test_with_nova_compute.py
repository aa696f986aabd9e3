"""The commands and our part of nova-compute over one ledger: what an operator wishes is done."""

import contextlib
import dataclasses
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nova_accel.conf import Settings
from tests.fakes.host import FakeSsd
from tests.unit.conftest import Bench, ssd_handle


@contextlib.contextmanager
def working(bench: Bench) -> Iterator[Bench]:
    """Have nova-compute's part work whenever an operator has spoken."""
    stop = threading.Event()

    def work() -> None:
        heard = 0
        while not stop.wait(0.02):
            said = bench.service.ledger.operator.changes()
            if said != heard:
                heard = said
                bench.service.work()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield bench
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def bench(make_bench, nova_conf, settings) -> Iterator[Bench]:
    """A host with an SSD that holds data of nobody we know."""
    nova_conf.write_text(f"[nova_accel]\nledger_path = {settings.ledger_path}\n")
    with working(make_bench(FakeSsd("0000:01:00.0", "SN1", content={0: b"somebody's"}))) as bench:
        yield bench


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "cleaning.jsonl"


@pytest.fixture
def one_time(make_bench, nova_conf, settings: Settings, record: Path) -> Iterator[Bench]:
    """A host whose SSD a server has written on and released, and that somebody else has to clean."""
    nova_conf.write_text(f"[nova_accel]\nledger_path = {settings.ledger_path}\none_time_use = true\n")
    options = dataclasses.replace(settings, one_time_use=True, cleaning_record=str(record))
    with working(make_bench(FakeSsd("0000:01:00.0", "SN1"), options=options)) as bench:
        bench.service.ledger.claim([ssd_handle("SN1")], "server")
        bench.host.ssds["0000:01:00.0"].content[0] = b"a secret"
        bench.service.release("server", "Nova deleted it")
        bench.service.work()
        yield bench


def test_with_one_time_use_nothing_is_erased_and_the_list_says_what_is_waited_for(run, one_time: Bench):
    assert one_time.host.ssds["0000:01:00.0"].content == {0: b"a secret"}
    [row] = run("device", "list", "-f", "json").json
    assert row["state"] == "dirty"
    assert "waits for whoever cleans it: nova-accel device clean SN1 --done-by NAME" in row["why not available"]


def test_what_somebody_else_has_cleaned_is_read_back_and_written_down(run, one_time: Bench, record: Path):
    refused = run("device", "clean", "SN1", "--done-by", "the shredder", "--wait")
    assert refused.status == 1
    assert "SN1: clean failed:" in refused.out.splitlines()[-1]
    one_time.host.ssds["0000:01:00.0"].content.clear()
    done = run("device", "clean", "SN1", "--done-by", "the shredder", "--wait")
    assert (done.status, done.out.splitlines()[-1][:14]) == (0, "SN1: available")
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [(line["method"], line["result"] == "clean", line["server"]) for line in lines] == [
        ("read only", True, None),
        ("", False, "server"),
        ("by the shredder", True, "server"),
    ]
    shown = run("device", "show", "SN1", "-f", "json").json
    assert shown["last attempt to clean"]["method"] == "by the shredder"
    assert (shown["said to be cleaned by"], shown["attempts failed"], shown["now"]) == (None, 0, None)


def test_foreign_data_is_erased_on_an_operators_word_only(run, bench: Bench):
    read = run("device", "clean", "SN1", "--wait")
    assert read.status == 1
    assert "holds data that no server released" in read.out
    erased = run("device", "clean", "SN1", "--erase-foreign-data", "--wait")
    assert erased.status == 0
    assert erased.out.splitlines()[-1].startswith("SN1: available, cleaned")
    assert run("device", "show", "SN1", "-f", "json").json["why not available"] is None


def test_a_drained_device_is_reserved_until_it_is_undrained(run, bench: Bench):
    def reserved() -> list[int]:
        bench.service.work()  # what the command says is noticed at the next round, which it brings on by itself
        return [part.reserved for plan in bench.service.providers("node", None) for part in plan.classes.values()]

    run("device", "clean", "SN1", "--erase-foreign-data", "--wait")
    run("device", "drain", "SN1")
    assert reserved() == [1]
    run("device", "undrain", "SN1")
    assert reserved() == [0]


def test_what_was_read_of_the_hardware_is_shown(run, bench: Bench):
    details = run("device", "show", "SN1", "-f", "json").json["details"]
    assert details["what"] == "NVMe SSD"
    assert details["vendor_id"] == "1b36"
