"""What ./run bench counts is counted, so that its zeros mean something; how long things take is no test's business."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from nova.scheduler.client.report import SchedulerReportClient

from bench import listing, parsing, watching
from nova_accel.parsers import lspci
from nova_accel.privsep import reading_pctxt
from tests.unit import own_process


@pytest.fixture(scope="module")
def watch() -> watching.Watch:
    """One for all: an audit hook stays until the process ends."""
    return watching.Watch()


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run([sys.executable, "--version"], check=True, capture_output=True),
        lambda: os.system("true"),
        lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0),
    ],
)
def test_a_process_is_counted(watch: watching.Watch, start) -> None:
    with watch.counting() as counts:
        start()
    assert counts[watching.PROCESSES] >= 1


def test_nothing_is_counted_afterwards(watch: watching.Watch) -> None:
    with watch.counting() as counts:
        pass
    os.system("true")
    assert not counts


def test_a_privileged_call_is_counted(watch: watching.Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask() -> str:
        return "asked"

    ask.__module__ = "nova_accel.privsep.reading"
    monkeypatch.setattr(reading_pctxt, "client_mode", False)
    with watch.counting() as counts:
        assert reading_pctxt.entrypoint(ask)() == "asked"
    assert counts == {watching.PRIVSEP: 1}


def test_a_call_to_the_border_is_counted_and_answered(watch: watching.Watch) -> None:
    host = watch.host(SimpleNamespace(roots="roots", lspci=lambda: "functions"))
    with watch.counting() as counts:
        assert (host.roots, host.lspci()) == ("roots", "functions")
    assert counts == {watching.HOST: 1}


def test_a_write_to_placement_is_counted_and_a_read_is_not(
    watch: watching.Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for verb in ("get", *watching.WRITES):
        monkeypatch.setattr(SchedulerReportClient, verb, lambda client, url: None)
    client = SchedulerReportClient.__new__(SchedulerReportClient)
    with watch.counting() as counts:
        for verb in ("get", *watching.WRITES):
            getattr(client, verb)("/resource_providers")
    assert counts == {watching.PLACEMENT: len(watching.WRITES)}


@pytest.mark.parametrize("count", parsing.COUNTS)
def test_both_listings_show_the_same_ssds(count: int) -> None:
    parsed = lspci.parse(listing.numeric(count))
    assert parsed.warnings == ()
    assert [str(record.address) for record in parsed.records] == [
        line.split()[0] for line in listing.named(count).splitlines()
    ]
    assert len({record.address for record in parsed.records}) == count


def test_it_runs_to_its_end_and_says_what_it_measured(tmp_path: Path) -> None:
    figures = tmp_path / "bench.json"
    done = own_process.run_module("bench", "--quick", "--json", str(figures))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "start of nova-compute, our part of it" in done.stdout
    assert set(json.loads(figures.read_text())) >= {"audit", "parsing", "guest_config", "start"}
