"""``./run demo --recorded`` as a person runs it: its exit status, what it shows and its JSON, which has to come from the recordings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from demo.recordings import DATA

ROOT = Path(__file__).parents[2]
RECORDED = DATA / "recorded/verdicts"
LIMIT_S = 120
SERIAL, EDITED = "IHAM16PH5", "EDITED2026"


@dataclass(frozen=True)
class Run:
    """One run that has ended."""

    status: int
    shown: str
    report: dict[str, Any]

    def step(self, name: str) -> dict[str, Any]:
        """The step of that name."""
        return next(step for step in self.report["steps"] if step["name"] == name)

    def answers(self, of: str, asked: str = "") -> list[Any]:
        """What somebody answered, over all steps."""
        answers = (answer for step in self.report["steps"] for answer in step["answers"])
        return [one["answer"] for one in answers if one["of"] == of and asked in one["asked"]]

    def serials(self) -> set[str]:
        """Of the SSDs that were found."""
        found = self.answers("nova_accel", "devices")[0]
        return {one["identity"] for one in found if not one["address"].startswith("namespace")}

    def providers(self) -> set[str]:
        """Names in Placement."""
        return {one["name"] for one in self.answers("placement", "GET /resource_providers")[0]["resource_providers"]}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """As it is, alone because its time counts; then with a serial edited in a copy of the recordings, and with no driver enabled."""
    folder = tmp_path_factory.mktemp("demo")
    captures = folder / "captures"
    shutil.copytree(RECORDED, captures)
    sysfs = captures / "sysfs-nvme.txt"
    sysfs.write_text(sysfs.read_text().replace(SERIAL, EDITED))
    return _at_once(folder, {"plain": []}) | _at_once(
        folder, {"edited": ["--captures", str(captures)], "no driver": ["--drivers", ""]}
    )


def _at_once(folder: Path, wanted: dict[str, list[str]]) -> dict[str, Run]:
    started = {name: _start(folder / f"{name}.json", arguments) for name, arguments in wanted.items()}
    try:
        return {name: _ended(process, folder / f"{name}.json") for name, process in started.items()}
    finally:
        for process in started.values():
            process.kill()


def _start(file: Path, arguments: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "demo", "--recorded", "--json", str(file), *arguments]
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def _ended(process: subprocess.Popen[str], file: Path) -> Run:
    shown, _ = process.communicate(timeout=3 * LIMIT_S)
    return Run(process.returncode, shown, json.loads(file.read_text()))


@pytest.fixture
def plain(runs: dict[str, Run]) -> Run:
    """The run with nothing special."""
    return runs["plain"]


def test_it_passes_every_step_within_its_time(plain: Run) -> None:
    assert plain.status == 0, plain.shown
    assert plain.report["outcome"] == "passed"
    assert plain.report["failed_step"] is None
    assert len(plain.report["steps"]) == 11
    assert {step["outcome"] for step in plain.report["steps"]} == {"passed"}
    assert plain.report["seconds"] < LIMIT_S


def test_every_step_has_checks_and_a_sentence_on_what_it_shows(plain: Run) -> None:
    for step in plain.report["steps"]:
        assert step["checks"], step["name"]
        assert all(check["ok"] for check in step["checks"])
        assert step["says"].endswith(".")
        assert step["name"] in plain.shown


def test_a_person_is_told_which_part_of_it_is_not_a_guests_view(plain: Run) -> None:
    assert "There is no guest on this stage" in plain.step("From inside the guest")["says"]
    assert json.loads(plain.answers("guest")[0])["guest"] is None


def test_the_report_has_a_verdict_on_every_recorded_ssd_and_namespace(plain: Run) -> None:
    found = plain.answers("nova_accel", "devices")[0]
    recorded = [line for line in (RECORDED / "lspci-Dnmm.txt").read_text().splitlines() if '"0108"' in line]
    assert {one["address"] for one in found} >= {line.split()[0] for line in recorded}
    reasons = {one["reason"] for one in found}
    assert {"eligible", "LVM", "MD", "swap", "shared IOMMU group", "no serial", "fsdax", "system-ram"} <= reasons
    assert all(one["sentence"] for one in found)


def test_the_report_has_the_raw_answers_of_placement_nova_and_libvirt(plain: Run) -> None:
    assert f"compute1_accel_ssd_{SERIAL}" in plain.providers()
    servers = [one["server"] for one in plain.answers("nova", "GET /servers/")]
    assert {"ACTIVE", "SHUTOFF"} == {server["status"] for server in servers}
    (server,) = {server["id"] for server in servers}
    allocations = plain.answers("placement", f"GET /allocations/{server}")
    assert "CUSTOM_SSD" in json.dumps(allocations[0])
    assert allocations[-1]["allocations"] == {}
    domain = etree.fromstring(plain.answers("libvirt")[0].encode())
    assert domain.findtext("uuid") == server
    assert len(domain.findall("devices/hostdev")) == 1
    assert len(domain.findall("devices/memory[@model='nvdimm']")) == 2


def test_two_runs_write_different_nonces(runs: dict[str, Run]) -> None:
    nonces = [
        json.loads(runs[name].answers("guest")[1])["behind the addresses"][0]["found"] for name in ("plain", "edited")
    ]
    assert all(nonces)
    assert len(set(nonces)) == 2


def test_an_edited_serial_is_what_is_found_and_offered(runs: dict[str, Run]) -> None:
    edited = runs["edited"]
    assert edited.status == 0, edited.shown
    assert edited.serials() == runs["plain"].serials() - {SERIAL} | {EDITED}
    assert f"compute1_accel_ssd_{EDITED}" in edited.providers()
    assert SERIAL not in json.dumps(edited.report)
    assert EDITED in edited.shown


def test_without_a_driver_it_fails_and_says_where(runs: dict[str, Run]) -> None:
    none = runs["no driver"]
    assert none.status == 1
    assert none.report["outcome"] == "failed"
    assert none.report["failed_step"] == "What is in the host"
    assert "at least one SSD is offered" in none.report["error"]
    assert "failed at the step: What is in the host" in none.shown
    assert [step["outcome"] for step in none.report["steps"]] == ["passed", "failed"]
