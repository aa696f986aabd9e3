"""The commands and our part of nova-compute over one ledger: what an operator wishes is done."""

import threading
from collections.abc import Iterator

import pytest

from tests.fakes.host import FakeSsd
from tests.unit.conftest import Bench


@pytest.fixture
def bench(make_bench, nova_conf, settings) -> Iterator[Bench]:
    """A host with an SSD that holds data of nobody we know, and a nova-compute that works whenever an operator has spoken."""
    nova_conf.write_text(f"[nova_accel]\nledger_path = {settings.ledger_path}\n")
    bench = make_bench(FakeSsd("0000:01:00.0", "SN1", content={0: b"somebody's"}))
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
    yield bench
    stop.set()
    thread.join()


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
