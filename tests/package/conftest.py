"""A wheel of this checkout, and a virtualenv with Nova that it can be put into and taken out of."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.package.virtualenv import ROOT, TIMEOUT_S, Virtualenv


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout: what setuptools leaves beside the sources must not get into the next build."""
    folder = tmp_path_factory.mktemp("checkout") / "nova_accel"
    left_out = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "lab")
    return Path(shutil.copytree(ROOT, folder, ignore=left_out))


@pytest.fixture(scope="session")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", folder, checkout]
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def virtualenv(tmp_path_factory: pytest.TempPathFactory) -> Virtualenv:
    """One for all tests, with what Nova and we depend on: most of a minute goes into it."""
    made = Virtualenv(tmp_path_factory.mktemp("virtualenv") / "v")
    made.install("nova", "libvirt-python", "os-traits", "os-resource-classes", "oslo.privsep", "lxml", "stevedore")
    return made
