"""The facts of the machine itself, as far as every machine has them, and that they know what root's side runs."""

import ast
import os
import sys
from pathlib import Path

import pytest
from oslo_config import cfg
from oslo_privsep import priv_context

from nova_accel.commands import configuration
from nova_accel.commands.checks import local, places, tools
from nova_accel.commands.checks.facts import Unknown
from nova_accel.host import LocalHost
from nova_accel.privsep import tool

PRIVSEP = Path(tool.__file__).parent


@pytest.fixture
def facts(nova_conf, monkeypatch):
    monkeypatch.setattr(priv_context, "_HELPER_COMMAND_PREFIX", ["sudo"])  # put back after the test
    return local.facts(configuration.read(cfg.ConfigOpts(), [str(nova_conf)]))


def test_the_machine_is_asked_through_privsep_as_nova_compute_does(facts):
    assert isinstance(facts.host, LocalHost)
    assert priv_context._HELPER_COMMAND_PREFIX == ["sudo", "nova-rootwrap", "/etc/nova/rootwrap.conf"]
    assert facts.user_id == os.geteuid()


def test_the_files_for_root_are_found(facts):
    assert (facts.shipped / "59-nova-accel.rules").is_file()


def test_what_pip_installed_goes_before_a_checkout(tmp_path, monkeypatch):
    (tmp_path / "etc/nova_accel").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert local._shipped() == tmp_path / "etc/nova_accel"


def test_novas_default_of_state_path_lies_in_the_virtualenv(tmp_path, monkeypatch):
    monkeypatch.setattr(priv_context, "_HELPER_COMMAND_PREFIX", ["sudo"])  # put back after the test
    (tmp_path / "nova.conf").touch()
    facts = local.facts(configuration.read(cfg.ConfigOpts(), [str(tmp_path / "nova.conf")]))
    path = Path(facts.configured.settings.ledger_path)
    assert (
        places.in_virtualenv(facts, path) == f"{path} lies in the virtualenv {sys.prefix}, which an upgrade may replace"
    )
    assert places.in_virtualenv(facts, Path("/var/lib/nova/nova_accel/ledger.sqlite")) == ""


def test_a_tool_is_looked_for_where_roots_side_looks(facts):
    assert facts.which("sh") in ("/usr/bin/sh", "/bin/sh")
    assert facts.which("no-such-tool") is None
    assert tool._ENVIRONMENT["PATH"] == local.ROOTS_PATH


def test_what_a_tool_prints_is_read():
    assert local.output(["sh", "-c", "printf 'x\\377'"]) == "x\ufffd"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["no-such-tool"], "no-such-tool cannot be started: "),
        (["sh", "-c", "echo oh no >&2; exit 3"], "ended with status 3: oh no"),
    ],
)
def test_a_tool_that_fails_is_unknown(argv, words):
    with pytest.raises(Unknown, match=words):
        local.output(argv)


def test_a_tool_that_hangs_is_unknown(monkeypatch):
    monkeypatch.setattr(local, "_TIMEOUT_S", 0.1)
    with pytest.raises(Unknown, match=r"sleep 20 was not done after 0.1 s"):
        local.output(["sleep", "20"])


def test_libvirts_own_test_driver_tells_versions():
    pytest.importorskip("libvirt", reason="libvirt-python is in nova-compute's virtualenv, not in every tester's")
    found = local.hypervisor("test:///default")
    assert found.libvirt >= (8, 0, 0)
    assert found.qemu == (0, 0, 2)


def test_a_libvirt_that_cannot_be_reached_is_unknown():
    pytest.importorskip("libvirt", reason="libvirt-python is in nova-compute's virtualenv, not in every tester's")
    with pytest.raises(Unknown, match=r"libvirt at qemu\+unix:///system\?socket=/nowhere does not answer"):
        local.hypervisor("qemu+unix:///system?socket=/nowhere")


def test_without_libvirts_module_it_is_unknown(monkeypatch):
    monkeypatch.setitem(sys.modules, "libvirt", None)
    with pytest.raises(Unknown, match="the Python module libvirt cannot be used here"):
        local.hypervisor("qemu:///system")


def argument_lists() -> set[str]:
    """The first words of the lists in root's side that begin with the name of a tool."""
    found = set()
    for path in PRIVSEP.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.List) and len(node.elts) > 1 and isinstance(node.elts[0], ast.Constant):
                found.add(node.elts[0].value)
    return {word for word in found if not word.startswith("-")}  # more options of a tool that another list begins with


def test_every_tool_of_roots_side_is_checked():
    assert {one.name for one in tools.TOOLS} == argument_lists()
