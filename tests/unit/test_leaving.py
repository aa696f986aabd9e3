"""A server that Nova takes from here is waited for closely, and not for ever."""

import pytest

from nova_accel.virt.leaving import Leaving
from tests.unit.one_host import SERVER, ssd, start_and_write
from tests.unit.test_release import OFFLOADED
from tests.unit.test_service import rounds_within, seconds_pass


def test_what_it_had_is_released_within_seconds_of_novas_word(make_bench, monkeypatch):
    bench = make_bench(ssd())
    start_and_write(bench)
    bench.service.leaving.note(SERVER)
    seconds_pass(bench, monkeypatch, 4)
    assert bench.state("SN1") == "assigned"
    bench.servers[SERVER] = OFFLOADED
    seconds_pass(bench, monkeypatch, 4)
    assert bench.state("SN1") == "available"
    assert rounds_within(bench, monkeypatch, 30) == []


def test_the_host_is_not_looked_at_for_it(make_bench, monkeypatch):
    bench = make_bench(ssd())
    start_and_write(bench)
    bench.service.leaving.note(SERVER)
    assert rounds_within(bench, monkeypatch, 30) == [False] * 10


def test_one_that_stays_is_not_waited_for_for_ever():
    leaving = Leaving()
    leaving.note(SERVER)
    asked = [leaving.is_time(lambda: {SERVER}) for _ in range(100)]
    assert asked[0]
    assert asked.index(False) == sum(asked) < 30


def test_one_without_anything_here_is_not_waited_for():
    leaving = Leaving()
    leaving.note(SERVER)
    assert not leaving.is_time(set)


def test_the_ledger_is_not_read_while_nobody_is_expected():
    leaving = Leaving()
    assert not leaving.is_time(lambda: pytest.fail("it was read"))
