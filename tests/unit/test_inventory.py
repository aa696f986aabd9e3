"""What is kept of the looks at the host."""

import threading

from nova_accel.discovery.candidate import Snapshot
from nova_accel.virt.inventory import Inventory
from tests.unit.one_host import ONE, SERVER, providers, ssd, start


def test_of_two_looks_at_once_the_later_one_counts(make_bench, monkeypatch):
    bench = make_bench(ssd())
    inventory = bench.service.inventory
    looked, may_go_on = threading.Event(), threading.Event()
    tell = Inventory._tell

    def wait_once(self: Inventory, snapshot: Snapshot) -> None:
        tell(self, snapshot)
        if snapshot.candidates:
            looked.set()
            assert may_go_on.wait(60)

    monkeypatch.setattr(Inventory, "_tell", wait_once)
    earlier, later = threading.Thread(target=inventory.refresh), threading.Thread(target=inventory.refresh)
    earlier.start()
    assert looked.wait(60)
    bench.host.unplug(ONE)
    later.start()
    later.join(0.5)
    may_go_on.set()
    for one in (earlier, later):
        one.join(60)
    assert inventory.snapshot.candidates == ()


def test_a_look_right_after_cleaning_asks_an_ssd_how_it_is(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.service.work()
    bench.host.ssds[ONE].smart = {"critical_warning": 4}
    bench.host.ssds[ONE].content = {4096: b"secret"}
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "available"
    bench.service.inventory.refresh()
    (candidate,) = bench.service.inventory.snapshot.candidates
    assert candidate.verdict.reason.value == "critical warning"
    (plan,) = providers(bench, claimed=()).values()
    assert plan.classes["CUSTOM_SSD"].resources == frozenset()
