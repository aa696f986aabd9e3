"""The wheel goes into a virtualenv beside Nova, is loaded by Nova's own loader, and goes without a trace."""

import base64
import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package.virtualenv import Virtualenv

LOAD_AS_NOVA_DOES = """
import nova.conf
from nova.virt import driver

nova.conf.CONF([], default_config_files=[])
nova.conf.CONF.set_override("compute_driver", "accel.AccelLibvirtDriver")
loaded = driver.load_compute_driver(None)

import nova_accel

print(type(loaded).__module__, type(loaded).__name__, nova_accel.__path__[0])
"""
LOAD_EACH_DRIVER = """
from stevedore import ExtensionManager

def fail(manager, entry_point, error):
    raise error

print(*sorted(ExtensionManager("nova_accel.drivers", on_load_failure_callback=fail).names()))
"""


@pytest.fixture
def beside_nova(virtualenv: Virtualenv) -> Iterator[Virtualenv]:
    """The virtualenv with Nova and without us, and so again afterwards."""
    if not (virtualenv.site_packages / "nova").exists():
        virtualenv.install("nova")
    yield virtualenv
    virtualenv.uninstall("nova-accel")


def everything_in(virtualenv: Virtualenv) -> set[Path]:
    return set(virtualenv.folder.rglob("*"))


def broken_files_of_nova(virtualenv: Virtualenv) -> list[str]:
    """Check each file of nova's RECORD against its hash."""
    [record] = virtualenv.site_packages.glob("nova-*.dist-info/RECORD")
    broken, checked = [], 0
    with record.open(newline="") as lines:
        for name, digest, _ in csv.reader(lines):
            path = virtualenv.site_packages / name
            if not path.exists():
                broken.append(f"{name} is missing")
            elif digest:
                algorithm, expected = digest.split("=")
                found = base64.urlsafe_b64encode(hashlib.new(algorithm, path.read_bytes()).digest()).rstrip(b"=")
                checked += 1
                if found.decode() != expected:
                    broken.append(f"{name} was changed")
    assert checked > 1000
    return broken


def test_installed_after_nova_it_is_loaded_by_nova(beside_nova: Virtualenv, wheel: Path) -> None:
    beside_nova.install(wheel)
    loaded = beside_nova.python("-c", LOAD_AS_NOVA_DOES).split()
    assert loaded == ["nova_accel.virt.driver", "AccelLibvirtDriver", str(beside_nova.site_packages / "nova_accel")]
    assert broken_files_of_nova(beside_nova) == []


def test_installed_before_nova_it_is_loaded_by_nova(virtualenv: Virtualenv, wheel: Path) -> None:
    virtualenv.uninstall("nova")
    assert not (virtualenv.site_packages / "nova").exists()
    virtualenv.install(wheel)
    virtualenv.install("nova")
    assert "AccelLibvirtDriver" in virtualenv.python("-c", LOAD_AS_NOVA_DOES)
    virtualenv.uninstall("nova-accel")
    assert broken_files_of_nova(virtualenv) == []
    assert not list((virtualenv.site_packages / "nova/virt").glob("**/accel*"))


def test_uninstalling_leaves_the_virtualenv_as_it_was(beside_nova: Virtualenv, wheel: Path) -> None:
    before = everything_in(beside_nova)
    beside_nova.install(wheel)
    beside_nova.python("-c", LOAD_AS_NOVA_DOES)
    assert everything_in(beside_nova) > before
    beside_nova.uninstall("nova-accel")
    assert everything_in(beside_nova) == before
    assert broken_files_of_nova(beside_nova) == []


def test_what_root_puts_in_place_lies_in_the_virtualenvs_etc(
    beside_nova: Virtualenv, wheel: Path, checkout: Path
) -> None:
    beside_nova.install(wheel)
    for snippet in (checkout / "etc/nova_accel").iterdir():
        assert (beside_nova.folder / "etc/nova_accel" / snippet.name).read_bytes() == snippet.read_bytes()


def test_each_driver_is_an_entry_point_that_loads(beside_nova: Virtualenv, wheel: Path) -> None:
    beside_nova.install(wheel)
    drivers = ["inspur_nvme_ssd_driver", "intel_pmem_driver", "nvme_ssd_driver"]
    assert beside_nova.python("-c", LOAD_EACH_DRIVER).split() == drivers


def test_a_development_checkout_is_loaded_by_nova(beside_nova: Virtualenv, checkout: Path) -> None:
    beside_nova.install("-e", checkout)
    loaded = beside_nova.python("-c", LOAD_AS_NOVA_DOES).split()
    assert loaded == ["nova_accel.virt.driver", "AccelLibvirtDriver", str(checkout / "nova_accel")]
    beside_nova.uninstall("nova-accel")
    assert broken_files_of_nova(beside_nova) == []
