"""Whatever stands for the machine has the calls of the protocol, each with its parameters."""

import ast
import inspect
from pathlib import Path

import pytest

from demo.recorded_host import DemoHost
from nova_accel.host import Host, LocalHost
from tests.fakes.host import FakeHost

PROJECT = Path(__file__).parents[2]
ROOMS = ("nova_accel", "demo", "bench", "lab", "tests")
CALLS = {
    name: tuple(inspect.signature(call).parameters)[1:]
    for name, call in inspect.getmembers(Host, inspect.isfunction)
    if not name.startswith("_")
}
COMPLETE = {"LocalHost", "FakeHost", "DemoHost"}
# The parts of one of these, and what can only be looked at.
PARTS = {"FakePmem", "RecordedHost"}
MANY = 4
"""A class with so many methods of the protocol's names stands for the machine, or for a part of it."""


def parameters(function):
    names = tuple(inspect.signature(function).parameters)
    return names[1:] if names[:1] == ("self",) else names


@pytest.fixture
def hosts(tmp_path):
    """Its methods without a host made of recordings: that takes a while to make."""
    return {"LocalHost": LocalHost(), "FakeHost": FakeHost(tmp_path / "host"), "DemoHost": DemoHost}


@pytest.mark.parametrize("call", CALLS)
def test_every_host_has_each_call_with_the_parameters_of_the_protocol(hosts, call):
    assert {name: parameters(getattr(host, call)) for name, host in hosts.items()} == dict.fromkeys(
        COMPLETE, CALLS[call]
    )


def classes():
    for file in sorted(file for room in ROOMS for file in (PROJECT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                methods = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name in CALLS]
                yield node, methods


def test_no_host_is_left_out_here():
    assert {node.name for node, methods in classes() if len(methods) >= MANY} - {"Host"} == COMPLETE | PARTS


def test_what_stands_for_a_part_of_the_machine_or_changes_a_call_has_the_same_parameters():
    hosts = COMPLETE | PARTS | {"Host"}
    wrong = []
    for node, methods in classes():
        if node.name in hosts or hosts & {base.id for base in node.bases if isinstance(base, ast.Name)}:
            wrong += [
                f"{node.name}.{one.name}"
                for one in methods
                if tuple(argument.arg for argument in one.args.args)[1:] != CALLS[one.name]
            ]
    assert wrong == []
