"""Cleaning goes on beside everything else."""

import threading
from collections.abc import Callable

import pytest

from nova_accel.model import HandleId
from nova_accel.virt.cleanings import Cleanings
from tests.fakes.host import FakeHost, FakeSsd
from tests.unit.conftest import ssd_handle

WAIT_S = 30.0


def in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


class Slow:
    """A cleaning that goes on until it is let go, and says how many did at once."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.calls: list[HandleId] = []
        self.done = threading.Semaphore(0)

    def settle(self, handle: HandleId) -> bool:
        self.calls.append(handle)
        self.begun.release()
        assert self.go.wait(WAIT_S)
        return True

    def available(self) -> None:
        self.done.release()


@pytest.fixture
def slow() -> Slow:
    return Slow()


def test_a_handle_is_cleaned_once_however_often_it_is_asked_for(slow):
    cleanings = Cleanings(slow.settle, slow.available, in_thread, at_once=4)
    for _ in range(5):
        cleanings.begin(ssd_handle("A"))
    assert slow.begun.acquire(timeout=WAIT_S)
    slow.go.set()
    assert slow.done.acquire(timeout=WAIT_S)
    assert slow.calls == [ssd_handle("A")]


def test_only_so_many_are_cleaned_at_once_and_the_others_after_them(slow):
    cleanings = Cleanings(slow.settle, slow.available, in_thread, at_once=2)
    for name in "ABCDE":
        cleanings.begin(ssd_handle(name))
    assert slow.begun.acquire(timeout=WAIT_S)
    assert slow.begun.acquire(timeout=WAIT_S)
    assert not slow.begun.acquire(timeout=0.2)
    slow.go.set()
    for _ in range(5):
        assert slow.done.acquire(timeout=WAIT_S)
    assert sorted(slow.calls) == [ssd_handle(name) for name in "ABCDE"]


def test_of_one_device_the_next_begins_only_when_the_one_before_has_ended_and_another_device_does_not_wait(slow):
    device_of = {"A1": "A", "A2": "A", "B1": "B"}
    cleanings = Cleanings(slow.settle, slow.available, in_thread, 4, lambda handle: device_of[handle.identity])
    for names in (("A1",), ("A2", "B1")):
        for name in names:
            cleanings.begin(ssd_handle(name))
        assert slow.begun.acquire(timeout=WAIT_S)
    assert not slow.begun.acquire(timeout=0.2)
    assert slow.calls == [ssd_handle("A1"), ssd_handle("B1")]
    slow.go.set()
    for _ in device_of:
        assert slow.done.acquire(timeout=WAIT_S)
    assert slow.calls[2:] == [ssd_handle("A2")]


def test_one_whose_cleaning_broke_can_be_begun_again(slow):
    def breaks(handle: HandleId) -> bool:
        slow.calls.append(handle)
        raise OSError("the disk is full")

    cleanings = Cleanings(breaks, slow.available, lambda work: work(), at_once=1)
    for _ in range(2):
        with pytest.raises(OSError, match="full"):
            cleanings.begin(ssd_handle("A"))
    assert slow.calls == [ssd_handle("A")] * 2


class SlowHost(FakeHost):
    """A host whose erasing goes on until it is let go."""

    def erase(self, address: str, serial: str, method: str, timeout_s: float = 3600.0) -> None:
        self.begun.set()
        assert self.go.wait(WAIT_S)
        super().erase(address, serial, method, timeout_s)


def test_a_delete_and_the_next_look_do_not_wait_for_cleaning(make_bench, tmp_path):
    host = SlowHost(tmp_path / "host", [FakeSsd("0000:01:00.0", "SN1")])
    host.begun, host.go = threading.Event(), threading.Event()
    bench = make_bench(host=host)
    bench.service.start(in_thread)
    bench.service.ledger.claim([ssd_handle("SN1")], "server")
    bench.service.release("server", "Nova deleted it")
    assert host.begun.wait(WAIT_S)
    assert bench.state("SN1") == "cleaning"
    host.plug(FakeSsd("0000:02:00.0", "SN2"))
    bench.service.work()
    assert {one.identity for one in bench.service.inventory.snapshot.candidates} == {"SN1", "SN2"}
    told = len(bench.told)
    host.go.set()
    for _ in range(300):
        if bench.state("SN1") == "available" and len(bench.told) > told:
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"{bench.state('SN1')}: {bench.reason('SN1')}")
