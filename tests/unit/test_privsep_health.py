"""Root's side of asking SSDs how they are, with a tool that stands in for nvme-cli."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from nova_accel.host import LocalHost
from nova_accel.privsep import acting_pctxt, controller, health, tool
from nova_accel.privsep.errors import Failed

ONE, TWO, OTHER = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Two SSDs, nvme0 and nvme1, and a network card."""
    for number, address in enumerate((ONE, TWO)):
        (tmp_path / "devices" / address / "nvme" / f"nvme{number}").mkdir(parents=True)
        (tmp_path / "devices" / address / "class").write_text("0x010802\n")
    (tmp_path / "devices" / OTHER).mkdir()
    (tmp_path / "devices" / OTHER / "class").write_text("0x020000\n")
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(controller, "_PCI_DEVICES", tmp_path / "devices")
    monkeypatch.setattr(tool, "_ENVIRONMENT", {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "LC_ALL": "C"})
    monkeypatch.setattr(acting_pctxt, "client_mode", False)
    return tmp_path


def install(host, script):
    nvme = host / "bin/nvme"
    nvme.write_text(f"#!/bin/sh\n{script}\n")
    nvme.chmod(0o755)


def ask(*addresses):
    # In a thread of its own, because a thread that ran a tool has given up gaining privileges for good.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(health.smart_logs, list(addresses)).result()


def test_each_controller_is_asked_by_its_name_with_one_command_line(host):
    install(host, 'echo "$@"')
    assert ask(ONE, TWO) == {ONE: "smart-log /dev/nvme0 -o json\n", TWO: "smart-log /dev/nvme1 -o json\n"}


@pytest.mark.parametrize("address", ["", "../../../etc", "ffff:ff:1f.7", OTHER, "0000:01:00.0; reboot", 5])
def test_what_is_no_nvme_controller_is_not_asked(host, address):
    install(host, f"touch {host}/asked")
    assert ask(address) == {}
    assert not (host / "asked").exists()


def test_one_that_the_nvme_driver_does_not_run_is_left_out(host):
    install(host, "echo well")
    (host / "devices" / ONE / "nvme/nvme0").rmdir()
    assert ask(ONE, TWO) == {TWO: "well\n"}


def test_one_that_fails_is_left_out(host):
    install(host, "case $2 in *0) exit 1;; *) echo well;; esac")
    assert ask(ONE, TWO) == {TWO: "well\n"}


def test_where_none_answers_the_first_failure_is_the_answer(host):
    with pytest.raises(Failed, match="nvme cannot be started"):
        ask(ONE, TWO)


def test_one_that_hangs_costs_seconds_and_not_the_others(host, monkeypatch):
    monkeypatch.setattr(health, "_TOOL_TIMEOUT_S", 0.5)
    install(host, "case $2 in *0) trap '' TERM; sleep 60;; *) echo well;; esac")
    started = time.monotonic()
    assert ask(ONE, TWO) == {TWO: "well\n"}
    assert time.monotonic() - started < 6


def test_many_that_hang_cost_no_more_than_the_time_for_all(host, monkeypatch):
    monkeypatch.setattr(health, "_TOOL_TIMEOUT_S", 0.5)
    monkeypatch.setattr(health, "_ALL_TIMEOUT_S", 0.1)
    install(host, f"case $2 in *0) sleep 60;; *) touch {host}/asked; echo well;; esac")
    with pytest.raises(Failed, match="was not done"):
        ask(ONE, TWO)
    assert not (host / "asked").exists()


def test_the_time_for_all_and_the_last_tool_fits_into_the_time_of_the_call():
    assert health._ALL_TIMEOUT_S + health._TOOL_TIMEOUT_S + tool._AFTER_KILL_S < health._CALL_TIMEOUT_S


def test_it_needs_the_context_that_may_pass_commands_through():
    assert acting_pctxt.is_entrypoint(health.smart_logs)


def test_a_host_without_ssds_is_not_bothered():
    # Without a privsep daemon, which no unit test has, this would fail if it went there.
    assert LocalHost().smart_logs([]) == {}
