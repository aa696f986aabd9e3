"""The stage where nothing but hardware is emulated: the lab's compute host, its libvirt, and a guest that tells what it sees."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from demo import console
from demo.stage import Api, Device, GuestView, Heard, Refused
from lab import cloud, content, folders, ledger, servers
from lab.configuration import PMEM, with_drivers
from lab.lab import Lab, Wish
from lab.scenario import Chance, smoke
from lab.ssh import CommandFailed
from tests.lab import spaces
from tests.lab.spaces import Space

_PAUSE_S = 2.0
_SSD_OFFSET = 0  # where the guest also reads, before it writes
_PMEM_OFFSET = 4096


class EmulatedStage:
    """See :class:`demo.stage.Stage`."""

    title = "nova_accel on an emulated compute host"
    about = (
        "QEMU emulates the hardware; real are the host's kernel with its vfio and NVDIMM drivers, libvirt and the guest's QEMU on it, "
        "nova-compute with nova_accel and privsep in processes of their own, Nova's and Placement's APIs, scheduler and conductor. Serial "
        "numbers and sizes are drawn by lot. Keystone, Glance and Neutron are stand-ins."
    )
    guest_is_real = True
    labels = tuple(PMEM)
    start_limit_s = None
    patience_s = 180.0

    def __init__(self, drivers: str, heard: Heard) -> None:
        self._seed = secrets.randbelow(1 << 32)
        wish = Wish(smoke(Chance(self._seed)), **with_drivers(drivers))
        self._drivers = [name for name in drivers.split(",") if name]
        self._lab = Lab(wish, folders.home())
        self._spaces: dict[str, Space] = {}
        self.nova = Api("nova", lambda *asked: _ask(self._lab.cloud.nova, *asked), heard)
        self.placement = Api("placement", lambda *asked: _ask(self._lab.cloud.placement, *asked), heard)

    def facts(self) -> Mapping[str, object]:
        """The seed of all that is drawn by lot."""
        return {"stage": "emulated", "seed": self._seed, "enabled_drivers": self._drivers}

    def run(self, work: Callable[[], None]) -> None:
        """The lab ends everything it started."""
        with self._lab:
            work()
        if self._lab.left:
            raise RuntimeError(f"the lab left something behind: {'; '.join(self._lab.left)}")

    def start(self) -> None:
        """Boot the host, and Nova around it."""
        self._lab.start_nova()
        self._spaces = {one.uuid: one for one in spaces.look(self._lab).values()}

    def devices(self) -> list[Device]:
        """From the ledger, as an operator could read it."""
        try:
            known = ledger.read(self._lab.machine)
        except CommandFailed:  # nova-compute makes it when it first looks, and only with a driver
            return []
        return [console.device(one, known.handles.get(one.identity or "")) for one in known.sightings.values()]

    def image(self, nonce: str) -> str:
        """The lab's guest does what its kernel's command line says."""
        ssd = f"accel.nonce={nonce} accel.offset={_SSD_OFFSET}"
        return self._lab.images.guest(f"{ssd} accel.pmem_nonce={nonce} accel.pmem_offset={_PMEM_OFFSET}")

    def domain_xml(self, server: str) -> str:
        """From the host's libvirt."""
        return self._lab.machine.channel.run(["virsh", "-c", "qemu:///system", "dumpxml", server])

    def guest(self, server: str, nonce: str) -> GuestView:
        """Wait for the guest to be done, and read its console; the next start begins with an empty one."""
        text = servers.wait_for_console(self._lab, server)
        self._lab.machine.channel.run(f": > /var/lib/nova/instances/{server}/console.log")
        return console.view(text, nonce)

    def first_data(self, identity: str) -> int | None:
        """Read the file that QEMU has behind the device."""
        space = self._spaces.get(identity)
        if space is not None:
            return content.first_data(space.image, space.start, space.size_bytes)
        name = next(ssd.name for ssd in self._lab.wish.scenario.ssds if ssd.serial == identity)
        return content.first_data(self._lab.machine.backing_image(name))

    def let_time_pass(self) -> None:
        """nova-compute looks and cleans by itself."""
        self._lab.check()
        time.sleep(_PAUSE_S)


def _ask(service: cloud.Service, method: str, path: str, body: object) -> Any:
    try:
        return service.ask(method, path, body)
    except cloud.Refused as error:
        raise Refused(str(error)) from error
