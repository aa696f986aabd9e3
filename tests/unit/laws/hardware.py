"""The host as the laws see it: devices that are found by what they are, and a border to root's side that goes wrong when told."""

import inspect
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nova_accel.exception import DeviceLost, PrivilegedCallError
from nova_accel.host import Host
from tests.fakes.host import FakeHost, FakeSsd
from tests.fakes.pmem import FakeNamespace

CALLS = tuple(name for name, _ in inspect.getmembers(Host, inspect.isfunction) if not name.startswith("_"))
ERASING = ("erase", "zero", "zero_namespace", "sanitize")

FakeDevice = FakeSsd | FakeNamespace


class Killed(BaseException):
    """nova-compute gets SIGKILL; no ``except Exception`` survives that."""


def _nothing() -> None:
    pass


class TroubledHost:
    """A fake host, each of whose calls can be told to go wrong the next time."""

    def __init__(self, host: FakeHost) -> None:
        self.fake = host
        self.roots = host.roots
        self.armed: dict[str, str] = {}
        """By call: "fail", "fail after", "hang", "lie", "kill before" or "kill after"."""
        self.meanwhile: dict[str, Callable[[], None]] = {}
        """What happens right before a call of a background job, which holds no lock that anybody else wants."""
        self.in_background = False
        self.failures = 0
        self.on_kill: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.fake, name)
        return self._troubled(name, call) if name in CALLS else call

    def _troubled(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def troubled(*args: Any, **kwargs: Any) -> Any:
            if self.in_background:
                self.meanwhile.pop(name, _nothing)()
            trouble = self.armed.pop(name, "")
            if trouble == "lie":
                return None
            self._before(name, trouble)
            answer = call(*args, **kwargs)
            self._after(name, trouble)
            return answer

        return troubled

    def _before(self, name: str, trouble: str) -> None:
        if trouble == "kill before":
            self._kill()
        if trouble:
            self.failures += trouble in ("fail", "hang")
        if trouble == "fail":
            raise PrivilegedCallError(name, "it went wrong this time")
        if trouble == "hang":
            raise DeviceLost(name, "the device does not answer")

    def _after(self, name: str, trouble: str) -> None:
        if trouble == "kill after":
            self._kill()
        if trouble == "fail after":
            self.failures += 1
            raise PrivilegedCallError(name, "it was done, but nobody heard of it")

    def _kill(self) -> None:
        self.on_kill()
        raise Killed


def identity_of(device: FakeDevice) -> str:
    """What stays when addresses change."""
    return device.serial if isinstance(device, FakeSsd) else device.uuid


def devices(host: FakeHost) -> dict[str, FakeDevice]:
    """What is in the host now, by identity."""
    everything: list[FakeDevice] = [*host.ssds.values(), *host.pmem.namespaces.values()]
    return {identity_of(one): one for one in everything}


def device_at(host: FakeHost, place: str) -> FakeDevice | None:
    """What libvirt finds behind a PCI address or a path in a domain's XML."""
    if place in host.ssds:
        return host.ssds[place]
    name = Path(place).name
    chardev = host.pmem.leading().get(name, name)
    return next((one for one in host.pmem.namespaces.values() if one.chardev == chardev), None)


def is_zero(device: FakeDevice) -> bool:
    """Whether nothing is on it."""
    return not any(any(data) for data in device.content.values())


def reboot(host: FakeHost, boot_id: str, moved: dict[str, str]) -> None:
    """Begin another boot: folders are made anew, every SSD is on nvme.

    :param moved: where PCI addresses and namespaces' names lead from now on, by the old ones
    """
    host.reboot_id(boot_id)
    shutil.rmtree(host.pmem.links, ignore_errors=True)
    for ssd in [host.unplug(address) for address in list(host.ssds)]:
        ssd.address = moved.get(ssd.address, ssd.address)
        insert(host, ssd)
    for namespace in [host.pmem.destroy(dev) for dev in list(host.pmem.namespaces)]:
        namespace.dev = moved.get(namespace.dev, namespace.dev)
        namespace.user = ""
        host.pmem.create(namespace)


def insert(host: FakeHost, ssd: FakeSsd) -> None:
    """Plug an SSD in; the kernel's nvme driver takes it."""
    ssd.bound_to, ssd.override, ssd.vfio_user = "nvme", "", False
    host.plug(ssd)
