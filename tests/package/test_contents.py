"""What is in the wheel, and what it asks for."""

import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def metadata(wheel: Path, names: list[str]) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in names if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_one_file_lies_below_nova(names: list[str]) -> None:
    assert [name for name in names if name.startswith("nova/")] == ["nova/virt/accel.py"]


def test_nothing_else_lies_at_the_top(names: list[str], metadata: Message) -> None:
    stem = f"nova_accel-{metadata['Version']}"
    assert {name.split("/")[0] for name in names} == {"nova", "nova_accel", f"{stem}.dist-info", f"{stem}.data"}


def test_every_module_of_the_library_is_there(checkout: Path, names: list[str]) -> None:
    modules = {str(path.relative_to(checkout)) for path in checkout.glob("nova_accel/**/*.py")}
    assert modules == {name for name in names if name.startswith("nova_accel/") and name.endswith(".py")}


def test_its_types_are_there_for_who_builds_on_it(names: list[str]) -> None:
    assert "nova_accel/py.typed" in names


def test_what_root_puts_in_place_is_there(checkout: Path, names: list[str]) -> None:
    snippets = {path.name for path in checkout.glob("etc/nova_accel/*")}
    assert snippets
    assert snippets == {Path(name).name for name in names if ".data/data/etc/nova_accel/" in name}


def test_nova_is_not_asked_for_at_run_time(metadata: Message) -> None:
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert required
    assert not [line for line in required if line.startswith(("nova", "libvirt"))]
