"""libvirt's QEMU driver inside this process, with a state folder of its own and no daemon."""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import libvirt
import pytest
from nova import objects

QEMU_CONF = """
stdio_handler = "file"
security_driver = "none"
namespaces = []
cgroup_controllers = []
memory_backing_dir = "{root}/ram"
"""
AS_ROOT = """
user = "root"
group = "root"
"""


def pytest_configure() -> None:
    """Let Nova's code use its objects."""
    objects.register_all()


def _events(stop: threading.Event) -> None:
    while not stop.is_set():
        libvirt.virEventRunDefaultImpl()


@pytest.fixture(scope="session")
def root() -> Iterator[Path]:
    """A folder for libvirt's state with a short path: sockets have to fit below it."""
    folder = Path(tempfile.mkdtemp(prefix="accel-"))
    (folder / "etc").mkdir()
    as_root = AS_ROOT if folder.stat().st_uid == 0 else ""
    (folder / "etc" / "qemu.conf").write_text(QEMU_CONF.format(root=folder) + as_root)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def hypervisor(root: Path) -> Iterator[libvirt.virConnect]:
    """A connection to the libvirt in this process."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)  # what went wrong is raised; no need to print it
    libvirt.virEventRegisterDefaultImpl()
    stop = threading.Event()
    wake = libvirt.virEventAddTimeout(100, lambda _timer, _opaque: None, None)
    loop = threading.Thread(target=_events, args=(stop,), name="libvirt events", daemon=True)
    loop.start()
    connection = libvirt.open(f"qemu:///embed?root={root}")
    yield connection
    connection.close()
    stop.set()
    loop.join(timeout=10)
    libvirt.virEventRemoveTimeout(wake)


@pytest.fixture
def define(hypervisor: libvirt.virConnect) -> Iterator[Callable[[str], libvirt.virDomain]]:
    """Defines a domain that libvirt's own schema accepts; it is gone after the test, running or not."""
    defined: list[libvirt.virDomain] = []

    def of(xml: str) -> libvirt.virDomain:
        defined.append(hypervisor.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE))
        return defined[-1]

    yield of
    for domain in defined:
        if domain.isActive():
            domain.destroy()
        domain.undefine()


@pytest.fixture
def dax(tmp_path: Path) -> Callable[[int, int], str]:
    """Makes a file that stands in for a dax device: the number and the size in bytes give its path."""

    def of(number: int, size_bytes: int) -> str:
        path = tmp_path / f"dax0.{number}"
        with path.open("wb") as file:
            file.truncate(size_bytes)
        return str(path)

    return of
