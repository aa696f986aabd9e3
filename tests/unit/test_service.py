"""The rounds of one nova-compute: when they begin, what they do without anybody's word, and that nothing ends them."""

import sqlite3
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from nova_accel.exception import PrivilegedCallError
from tests.unit.conftest import DELETED
from tests.unit.one_host import ONE, OTHER, SECRET, SERVER, TWO, classes, providers, ssd, start, start_and_write


def test_what_placement_could_not_be_told_it_is_told_in_the_next_round(make_bench):
    bench = make_bench(ssd())

    def refuse(_):
        raise RuntimeError("the database is away")

    bench.told = SimpleNamespace(append=refuse)
    start(bench, "SN1")
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "available"
    heard = []
    bench.told = SimpleNamespace(append=heard.append)
    bench.service.work()
    bench.service.work()
    assert heard == ["changed"]


def test_a_nova_compute_that_nova_is_about_to_refuse_releases_and_erases_nothing(make_bench):
    """As after a change of the host's name, which Nova notices only when our first round has begun."""
    bench = make_bench(ssd(), ssd(TWO, "SN2"))
    start(bench, "SN1")
    start(bench, "SN2", server=OTHER)
    for address in (ONE, TWO):
        bench.host.ssds[address].content = dict(SECRET)
    bench.service.ledger.release(OTHER, "Nova deleted it")
    again = make_bench(host=bench.host, begun=False)
    again.servers[SERVER] = DELETED
    again.domains[SERVER], again.stopped = {ONE}, {SERVER}
    again.service.ledger.left_behind.ask("SN1", SERVER)
    again.service.work()
    assert (again.state("SN1"), again.state("SN2")) == ("assigned", "dirty")
    assert [again.host.ssds[at].content for at in (ONE, TWO)] == [SECRET, SECRET]
    assert again.domains == {SERVER: {ONE}}


def test_what_was_to_be_released_and_cleaned_before_is_once_nova_has_asked_for_its_first_plan(make_bench):
    bench = make_bench(ssd())
    start_and_write(bench)
    again = make_bench(host=bench.host, begun=False)
    again.servers[SERVER] = DELETED
    again.service.work()
    assert not again.service._is_time()
    providers(again)
    assert again.service._is_time(), "else it would wait for the next round"
    again.service.work()
    assert (again.state("SN1"), again.host.ssds[ONE].content) == ("available", {})
    assert not again.service._is_time()


def seconds_pass(bench, monkeypatch, seconds):
    """Let the thread do at once what it does in that time."""
    passed = []

    def wait(pause_s):
        passed.append(pause_s)
        return sum(passed) > seconds

    monkeypatch.setattr(bench.service._stop, "wait", wait)
    bench.service.keep_working()


def rounds_within(bench, monkeypatch, seconds):
    """Of each round that the thread begins within that time: whether it looks at the host."""
    rounds = []
    monkeypatch.setattr(bench.service, "work", lambda *, look: rounds.append(look))
    seconds_pass(bench, monkeypatch, seconds)
    return rounds


@pytest.mark.parametrize(
    ("interval_s", "looks"), [(0, [False] * 5), (150, [False, False, True, False, False, True]), (60, [True] * 5)]
)
def test_the_interval_says_only_when_the_host_is_looked_at(make_bench, monkeypatch, settings, interval_s, looks):
    bench = make_bench(ssd(), options=replace(settings, discovery_interval_s=interval_s))
    assert rounds_within(bench, monkeypatch, 300) == looks


def test_a_short_interval_makes_as_many_rounds(make_bench, monkeypatch, settings):
    bench = make_bench(ssd(), options=replace(settings, discovery_interval_s=1))
    assert rounds_within(bench, monkeypatch, 5) == [True] * 5


def test_an_operators_word_is_told_to_nova_within_seconds(make_bench, monkeypatch):
    bench = make_bench(ssd())
    bench.service.work()
    for say in (lambda one: one.drain("SN1", "to be exchanged"), lambda one: one.undrain("SN1")):
        bench.told.clear()
        say(bench.service.ledger.operator)
        seconds_pass(bench, monkeypatch, 4)
        assert bench.told


def failing_look():
    raise PrivilegedCallError("lspci", "it did not come back")


def test_an_operators_word_counts_although_the_look_after_it_fails(make_bench, monkeypatch):
    bench = make_bench(ssd())
    bench.service.work()
    assert [one.reserved for one in classes(bench)] == [0]
    with sqlite3.connect(bench.service.ledger.path) as another_process:
        another_process.execute("UPDATE handle SET drained = 'to be exchanged'")
        another_process.execute("INSERT INTO note (name, value) VALUES ('operator', 1)")
    monkeypatch.setattr(bench.service.inventory, "refresh", failing_look)
    bench.service.work()
    assert [one.reserved for one in classes(bench)] == [1]


def test_two_rounds_are_not_made_at_once(make_bench, monkeypatch):
    bench = make_bench(ssd())
    inside, most = [], []

    def one_round(*, look):
        inside.append(look)
        most.append(len(inside))
        time.sleep(0.05)
        inside.pop()
        return False

    monkeypatch.setattr(bench.service, "_round", one_round)
    threads = [threading.Thread(target=bench.service.work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert most == [1] * 4


def test_a_round_without_a_look_releases_and_cleans(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.servers[SERVER] = DELETED
    bench.service.work(look=False)
    assert bench.state("SN1") == "available"
    looks = bench.host.calls.count(("lspci",))
    bench.service.work(look=False)
    assert bench.host.calls.count(("lspci",)) == looks


def test_nothing_ends_the_rounds(make_bench, monkeypatch, caplog):
    bench = make_bench(ssd())

    def fail():
        raise RuntimeError("something that nobody thought of")

    monkeypatch.setattr(bench.service._guard, "check", fail)
    bench.service.work()
    assert "a round failed" in caplog.text
    monkeypatch.undo()
    start(bench, "SN1")
    bench.servers[SERVER] = DELETED
    bench.service.work()
    assert bench.state("SN1") == "available"
