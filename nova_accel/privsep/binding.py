"""Moves an NVMe controller between the kernel's nvme driver and vfio-pci.

``driver_override`` says whose the device is: ``vfio-pci`` from the hand-over until cleaning, ``nvme`` while it is being cleaned (our
udev rule keeps the host's hands off such a disk), nothing when it is clean and free. What must outlast the device's coming and going
is in :mod:`nova_accel.privsep.held`. Each step can be repeated.
"""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from nova_accel.privsep import acting_pctxt, blocks, controller, held, pinned, sysfs
from nova_accel.privsep.errors import Failed, Lost, Refused

_BLKRRPART = 0x125F
# The longest time that a controller may ask for to become ready is 127.5 s.
_SETTLE_S = 150.0
# A write to sysfs comes back when the kernel's driver has let the controller go or taken it. Since Linux 6.2 the nvme driver waits
# within it until the controller is ready.
_WRITE_TIMEOUT_S = _SETTLE_S
_CALL_TIMEOUT_S = 3 * _WRITE_TIMEOUT_S + _SETTLE_S + 30.0
_POLL_S = 0.1
_DRIVERS = Path("/sys/bus/pci/drivers")
_PROBE = Path("/sys/bus/pci/drivers_probe")
_DEV = Path("/dev")


@acting_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def hand_over(address: str, serial: str) -> None:
    """Give the SSD with ``serial`` to vfio-pci, if the host does not use it and it is the one at ``address``.

    The exclusive opens are held until nvme has let go, so nobody can mount it in between.

    :raises Refused: when the host uses it or another SSD is there; nothing was changed
    :raises Failed: when the kernel did not bind it
    :raises Lost: when the kernel does not come back from letting it go or taking it
    """
    folder = controller.identified(address, serial)
    if not (_DRIVERS / "vfio-pci").is_dir():
        raise Refused("the kernel module vfio-pci is not loaded")
    with pinned.unused(address, serial):
        held.hold(_shown_serial(folder))
        _write(folder / "driver_override", "vfio-pci")
        _unbind(folder)
    _write(_PROBE, folder.name)
    if not _wait(lambda: sysfs.kernel_driver(folder) == "vfio-pci"):
        raise Failed(
            f"{folder.name} is bound to {sysfs.kernel_driver(folder)} and not to vfio-pci after {_SETTLE_S:g} s"
        )


@acting_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def bring_back(address: str, serial: str = "") -> None:
    """Give the controller at ``address`` to the kernel's nvme driver, marked so that udev leaves it alone.

    :param serial: of the SSD that it has to be, if nvme has it already; empty where the caller does not know that
    :raises Refused: while a guest or another program uses it through vfio; when nvme has it already and the host uses it, or it is
        another SSD
    :raises Failed: when it came up without a namespace, or its block devices did not
    :raises Lost: when it does not come up, the driver gives it up, or the kernel does not come back from letting it go or taking it
    """
    folder = controller.device(address)
    bound_to = sysfs.kernel_driver(folder)
    if bound_to not in (None, "vfio-pci", "nvme"):
        raise Refused(f"{folder.name} is bound to {bound_to}")
    if bound_to == "nvme":
        _wait_until_up(folder)
        _mark(folder, serial)
        return
    if bound_to == "vfio-pci":
        _refuse_if_vfio_user(folder)
    _write(folder / "driver_override", "nvme")
    _unbind(folder)
    _write(_PROBE, folder.name)
    _wait_until_up(folder)


def _mark(folder: Path, serial: str) -> None:
    """Mark what nvme has already: the host may have mounted it meanwhile, and would lose the mount at udev's next look."""
    with _unused(folder, serial):
        _write(folder / "driver_override", "nvme")


def _unused(folder: Path, serial: str) -> contextlib.AbstractContextManager[dict[str, int]]:
    if serial:
        return pinned.unused(folder.name, serial)
    names = controller.namespaces(folder)
    controller.refuse_if_used(names)
    return blocks.exclusive(names)


@acting_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def settle(address: str) -> None:
    """Take our mark off a controller that is clean: the host may look at it again."""
    folder = controller.device(address)
    _forget_partitions(folder)
    _write(folder / "driver_override", "\n")
    with contextlib.suppress(Refused):  # nvme does not run it, so its serial number is not known: it stays held
        held.let_go(_shown_serial(folder))


def _shown_serial(folder: Path) -> str:
    """The serial number as the kernel shows it, to udev too: with the spaces that some vendors put before it."""
    try:
        return (controller.controller(folder) / "serial").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise Refused(f"the serial number of {folder.name} cannot be read: {error.strerror}") from error


def _forget_partitions(folder: Path) -> None:
    """The kernel still knows the partitions that a guest had; where it cannot forget them now, it will when it binds next."""
    with contextlib.suppress(Refused, OSError):
        for name in controller.namespaces(folder):
            descriptor = os.open(_DEV / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.ioctl(descriptor, _BLKRRPART)
            finally:
                os.close(descriptor)


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


def _wait_until_up(folder: Path) -> None:
    """Wait until the controller is live and its block devices can be opened: the nvme driver resets and scans in the background."""
    started = False
    until = time.monotonic() + _SETTLE_S
    while not _is_up(folder):
        running = _state(folder)
        started = started or running is not None
        # A driver that cannot start a controller takes it away again.
        if running == "dead" or (started and running is None):
            raise Lost(f"{folder.name} did not come up on nvme: the driver gave it up")
        if time.monotonic() > until:
            _raise_not_up(folder, running)
        time.sleep(_POLL_S)


def _raise_not_up(folder: Path, state: str | None) -> None:
    if state != "live":
        raise Lost(
            f"{folder.name} did not come up on nvme within {_SETTLE_S:g} s: it is {state or 'bound to no driver'}"
        )
    names = controller.namespaces(folder)
    if not names:
        raise Failed(f"{folder.name} has no namespace any more, so nothing of it can be erased; see nvme create-ns")
    raise Failed(f"the block devices {', '.join(names)} of {folder.name} are not in /dev after {_SETTLE_S:g} s")


def _is_up(folder: Path) -> bool:
    if _state(folder) != "live":
        return False
    try:
        names = controller.namespaces(folder)
    except Refused:
        return False
    return bool(names) and all((_DEV / name).exists() for name in names)


def _state(folder: Path) -> str | None:
    """What the nvme driver says of the controller, such as ``live``; None while it does not have it."""
    if sysfs.kernel_driver(folder) != "nvme":
        return None
    try:
        return sysfs.attribute(controller.controller(folder) / "state") or "unknown"
    except Refused:
        return "starting"


def _wait(is_done: Callable[[], bool]) -> bool:
    until = time.monotonic() + _SETTLE_S
    while not is_done():
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_S)
    return True


def _write(path: Path, text: str) -> None:
    """Write to sysfs in a thread of its own: the kernel may wait for the device without an end, and nothing can stop that.

    :raises Failed: when the kernel does not take it
    :raises Lost: when it does not come back
    """
    errors: list[OSError] = []

    def write() -> None:
        try:
            path.write_text(text, encoding="ascii")
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=write, name=f"writes {path}", daemon=True)
    thread.start()
    thread.join(_WRITE_TIMEOUT_S)
    if thread.is_alive():
        raise Lost(f"{path} has not taken {text.strip()!r} within {_WRITE_TIMEOUT_S:g} s: the device hangs")
    for error in errors:
        raise Failed(f"{path} does not take {text.strip()!r}: {error.strerror}") from error
