"""The facts of the machine that this runs on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from oslo_privsep import priv_context

from nova_accel.commands.checks.facts import Facts, Hypervisor, Unknown
from nova_accel.commands.configuration import Configured
from nova_accel.host import LocalHost

# Where root's side looks for tools; see nova_accel.privsep.tool.
ROOTS_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

_TIMEOUT_S = 30.0
_PACKAGE = Path(__file__).parents[2]


def facts(configured: Configured) -> Facts:
    """Make the facts; each is looked at only when a check asks."""
    priv_context.init(root_helper=list(configured.root_helper))  # as nova-compute does
    return Facts(
        configured=configured,
        host=LocalHost(),
        root=Path("/"),
        prefix=Path(sys.prefix),
        shipped=_shipped(),
        user_id=os.geteuid(),
        which=lambda tool: shutil.which(tool, path=ROOTS_PATH),
        output=output,
        hypervisor=lambda: hypervisor(configured.libvirt_uri),
        free_bytes=lambda path: shutil.disk_usage(path).free,
    )


def _shipped() -> Path:
    """Where pip put the files for root; in a development checkout it puts them nowhere."""
    installed = Path(sys.prefix) / "etc/nova_accel"
    return installed if installed.is_dir() else _PACKAGE.parent / "etc/nova_accel"


def output(argv: Sequence[str]) -> str:
    """Standard output of a tool.

    :raises Unknown: when it cannot be run, fails or is not done in time
    """
    try:
        done = subprocess.run(
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            env={**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:{ROOTS_PATH}"},
        )
    except OSError as error:
        raise Unknown(f"{argv[0]} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Unknown(f"{' '.join(argv)} was not done after {_TIMEOUT_S:g} s") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or done.stdout.decode(errors="replace").strip()
        raise Unknown(f"{' '.join(argv)} ended with status {done.returncode}: {said[-300:]}")
    return done.stdout.decode(errors="replace")


def hypervisor(uri: str) -> Hypervisor:
    """Ask libvirt for its version and QEMU's.

    :raises Unknown: when it cannot be reached
    """
    try:
        import libvirt
    except ImportError as error:
        raise Unknown(f"the Python module libvirt cannot be used here: {error}") from error
    libvirt.registerErrorHandler(lambda _context, _error: None, None)  # else it prints what is raised as well
    try:
        connection = libvirt.openReadOnly(uri)
        return Hypervisor(_version(connection.getLibVersion()), _version(connection.getVersion()))
    except libvirt.libvirtError as error:
        raise Unknown(f"libvirt at {uri} does not answer: {error}") from error


def _version(number: int) -> tuple[int, int, int]:
    return number // 1_000_000, number // 1000 % 1000, number % 1000
