"""Opens what one SSD has in /dev, and proves afterwards that it is this SSD's.

Names such as ``nvme3n1`` are the kernel's to give away: an SSD that is pulled frees its own, and the next that comes gets it. As long
as something is open it keeps its name and its number, so what was proven holds until it is closed.
"""

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from nova_accel.privsep import blocks, controller, sysfs
from nova_accel.privsep.errors import Refused

_DEV = Path("/dev")


@contextlib.contextmanager
def namespaces(address: str, serial: str, only: Collection[str] | None = None) -> Iterator[dict[str, int]]:
    """Descriptors by name of the namespaces of the SSD with ``serial`` at ``address``, open exclusively to be read past every cache.

    :param only: names of those that are wanted; all when it is None
    :raises Refused: when there is no such SSD or namespace, or one of them is in use
    """
    names = controller.namespaces(controller.identified(address, serial))
    for name in only or ():
        if name not in names:
            raise Refused(f"{address} has no namespace {str(name)[:40]!r}")
    with _proven(address, serial, names if only is None else only, os.O_RDONLY | os.O_DIRECT) as opened:
        yield opened


@contextlib.contextmanager
def unused(address: str, serial: str, flags: int = os.O_RDONLY) -> Iterator[dict[str, int]]:
    """Descriptors by name of all namespaces of the SSD with ``serial`` at ``address``, while nobody else uses one of them.

    :raises Refused: when somebody does, there is no such SSD or it has no namespace
    """
    names = controller.namespaces(controller.identified(address, serial))
    if not names:
        raise Refused(f"{address} has no namespace")
    controller.refuse_if_used(names)
    with _proven(address, serial, names, flags) as opened:
        yield opened


@contextlib.contextmanager
def character_device(address: str, serial: str) -> Iterator[str]:
    """Name of the controller of the SSD with ``serial`` at ``address``, such as ``nvme3``; nobody else gets it meanwhile.

    :raises Refused: when there is no such SSD, or it cannot be asked now
    """
    name = controller.controller(controller.identified(address, serial)).name
    try:
        descriptor = os.open(_DEV / name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"/dev/{name} cannot be opened: {error.strerror}") from error
    try:
        mine = controller.controller(controller.identified(address, serial))
        _expect(name, descriptor, sysfs.device_number(mine), address)
        yield name
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _proven(address: str, serial: str, names: Collection[str], flags: int) -> Iterator[dict[str, int]]:
    with blocks.exclusive(names, flags) as opened:
        numbers = controller.numbers(controller.identified(address, serial))
        for name, descriptor in opened.items():
            _expect(name, descriptor, numbers.get(name), address)
        yield opened


def _expect(name: str, descriptor: int, number: int | None, address: str) -> None:
    if os.fstat(descriptor).st_rdev != number:
        raise Refused(f"/dev/{name} is not of the SSD at {address}, or not any more")
