"""Moves an NVMe controller between the kernel's nvme driver and vfio-pci.

``driver_override`` says whose the device is: ``vfio-pci`` from the hand-over until cleaning, ``nvme`` while it is being cleaned (our
udev rule keeps the host's hands off such a disk), nothing when it is clean and free. Each step can be repeated.
"""

import os
import time
from pathlib import Path

from nova_accel.privsep import acting_pctxt, blocks, controller, sysfs
from nova_accel.privsep.errors import Failed, Refused

_CALL_TIMEOUT_S = 120.0
_SETTLE_S = 60.0
_DRIVERS = Path("/sys/bus/pci/drivers")


@acting_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def hand_over(address: str, serial: str) -> None:
    """Give the SSD with ``serial`` to vfio-pci, if the host does not use it and it is the one at ``address``.

    The exclusive opens are held until nvme has let go, so nobody can mount it in between.

    :raises Refused: when the host uses it or another SSD is there; nothing was changed
    :raises Failed: when the kernel did not bind it
    """
    folder = controller.identified(address, serial)
    if not (_DRIVERS / "vfio-pci").is_dir():
        raise Refused("the kernel module vfio-pci is not loaded")
    names = controller.namespaces(folder)
    if not names:
        raise Refused(f"{folder.name} has no namespace")
    controller.refuse_if_written(names)
    with blocks.exclusive(names):
        _write(folder / "driver_override", "vfio-pci")
        _unbind(folder)
    _probe(folder, "vfio-pci")


@acting_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def bring_back(address: str) -> None:
    """Give the controller at ``address`` to the kernel's nvme driver, marked so that udev leaves it alone.

    :raises Refused: while a guest or another program uses it through vfio
    :raises Failed: when the kernel did not bind it
    """
    folder = controller.device(address)
    bound_to = sysfs.kernel_driver(folder)
    if bound_to not in (None, "vfio-pci", "nvme"):
        raise Refused(f"{folder.name} is bound to {bound_to}")
    if bound_to == "vfio-pci":
        _refuse_if_vfio_user(folder)
    _write(folder / "driver_override", "nvme")
    if bound_to != "nvme":
        _unbind(folder)
        _probe(folder, "nvme")


@acting_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def settle(address: str) -> None:
    """Take our mark off a controller that is clean: the host may look at it again."""
    _write(controller.device(address) / "driver_override", "\n")


def _refuse_if_vfio_user(folder: Path) -> None:
    # Unbinding would wait for the user to let go, so ask first: a group can be opened once.
    group = (folder / "iommu_group").resolve().name
    try:
        os.close(os.open(f"/dev/vfio/{group}", os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise Refused(f"{folder.name} is in use through vfio: {error.strerror}") from error


def _unbind(folder: Path) -> None:
    if sysfs.kernel_driver(folder) is not None:
        _write(folder / "driver" / "unbind", folder.name)


def _probe(folder: Path, driver: str) -> None:
    _write(Path("/sys/bus/pci/drivers_probe"), folder.name)
    until = time.monotonic() + _SETTLE_S
    while not _is_up(folder, driver):
        if time.monotonic() > until:
            bound_to = sysfs.kernel_driver(folder)
            raise Failed(f"{folder.name} is bound to {bound_to} and not ready on {driver} after {_SETTLE_S:g} s")
        time.sleep(0.1)


def _is_up(folder: Path, driver: str) -> bool:
    if sysfs.kernel_driver(folder) != driver:
        return False
    if driver != "nvme":
        return True
    # The nvme driver resets and scans in the background: wait until the controller is live and its block devices can be opened.
    try:
        running = controller.controller(folder)
        names = controller.namespaces(folder)
    except Refused:
        return False
    live = sysfs.attribute(running / "state") == "live"
    return live and bool(names) and all(Path("/dev", name).exists() for name in names)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise Failed(f"{path} does not take {text.strip()!r}: {error.strerror}") from error
