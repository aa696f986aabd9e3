"""A server whose guest writes to its devices, and what that guest says of them."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping

from lab import guest, ledger, servers
from lab.configuration import PMEM
from lab.lab import Lab
from lab.scenario import Chance, Ssd
from lab.steps import wait_for
from tests.lab import spaces
from tests.lab.spaces import PREFIX, Space
from tests.lab.ssds import FREE, available, wait_until_available
from tests.lab.test_pmem import BY_RESOURCES, GUEST_MIB, guest_bytes, of

ONE_SSD = {"resources1:CUSTOM_SSD": "1"}
SSD_AND_FAR = ONE_SSD | {f"resources2:{PREFIX}FAR": "1", "group_policy": "none"}
SSD_AND_LAB = ONE_SSD | {f"resources2:{PREFIX}LAB": "1", "group_policy": "none"}
SSD_LAB_AND_FAR = BY_RESOURCES


@dataclasses.dataclass(frozen=True)
class Tenant:
    """A server with the devices that it has and what its guest wrote to them."""

    server: str
    ssds: tuple[Ssd, ...]
    spaces: tuple[Space, ...]
    nonce: str
    offset: int
    image: str

    @property
    def identities(self) -> frozenset[str]:
        """Serials and uuids of what it has."""
        return frozenset(ssd.serial for ssd in self.ssds) | {space.uuid for space in self.spaces}

    @property
    def written(self) -> tuple[str, ...]:
        """What its guest has written: to its SSD, then to each persistent memory."""
        return (*(self.nonce for _ in self.ssds), *(f"{self.nonce}-{number}" for number in range(len(self.spaces))))


def boot(lab: Lab, chance: Chance, name: str, wants: Mapping[str, str], words: str = "") -> Tenant:
    """Boot a server whose guest finds its devices empty and writes to them.

    :param words: more for the guest's kernel
    """
    wait_for_room(lab, wants)
    known = spaces.look(lab)
    sizes = [*(guest_bytes(one) for one in known.values()), *(lab.wish.scenario.ssd(one).size_bytes for one in FREE)]
    nonce, offset = chance.nonce(), chance.offset(min(sizes), 64)
    image = lab.images.guest(
        f"accel.nonce={nonce} accel.offset={offset} accel.pmem_nonce={nonce} accel.pmem_offset={offset}"
        f" accel.watch accel.button {words}"
    )
    server = lab.cloud.boot(name, lab.cloud.flavor(name, wants, GUEST_MIB), image)
    servers.wait_for_status(lab, server, "ACTIVE")
    tenant = Tenant(server, (), (), nonce, offset, image)
    assert not any(Boot(lab, tenant, before="").finds())
    return with_devices(lab, tenant)


def with_devices(lab: Lab, tenant: Tenant) -> Tenant:
    """A tenant as it is known from what its running guest sees now, and has written to."""
    _, text = guest.last_boot(servers.console(lab, tenant.server))
    serials = [one.serial for one in guest.seen(text)]
    assert all(one.wrote for one in guest.seen_pmem(text))
    ssds = tuple(ssd for serial in serials for ssd in lab.wish.scenario.ssds if ssd.serial == serial)
    assert len(ssds) == len(serials)
    return dataclasses.replace(tenant, ssds=ssds, spaces=tuple(of(lab, spaces.look(lab), tenant.server)))


def wait_for_room(lab: Lab, wants: Mapping[str, str]) -> None:
    """Wait until there is something to be had of what a flavor asks for."""
    wait_for(lambda: any(available(lab, lab.wish.scenario.ssd(name)) for name in FREE), 2, lab.check)
    labels = [key.partition(PREFIX)[2] for key in wants if PREFIX in key]
    wait_for(lambda: all(spaces.offered(lab, label) > 0 for label in labels), 2, lab.check)


def wait_until_clean(lab: Lab, tenant: Tenant) -> None:
    """Wait until what a server had is available to others, and then until Placement says so.

    In this order: right after a server has left it, Placement has nothing allocated from it, and has not heard yet that it is dirty.
    """
    wait_for(lambda: _states(lab, tenant) <= {"available"}, 2, lab.check)
    wait_until_available(lab, *tenant.ssds)
    for label, count in Counter(_label(space) for space in tenant.spaces).items():
        wait_for(functools.partial(_are_offered, lab, label, count), 2, lab.check)


def _states(lab: Lab, tenant: Tenant) -> set[str]:
    handles = ledger.read(lab.machine).handles
    return {handles[identity].state for identity in tenant.identities}


def _label(space: Space) -> str:
    return next(label for label, names in PMEM.items() if space.name in names)


def _are_offered(lab: Lab, label: str, count: int) -> bool:
    return spaces.offered(lab, label) >= count


def delete(lab: Lab, tenant: Tenant) -> None:
    """Delete a server and wait until what it had is available to others."""
    servers.delete(lab, tenant.server)
    wait_until_clean(lab, tenant)


class Boot:
    """Waits for a guest's next boot, counted from when this was made."""

    def __init__(self, lab: Lab, tenant: Tenant, before: str | None = None) -> None:
        self._lab = lab
        self._server = tenant.server
        self._before = wait_for(lambda: boot_id(lab, tenant), 1) if before is None else before

    def finds(self) -> tuple[str, ...]:
        """What the guest finds on its devices once it has booted again, before it writes to them."""
        text = wait_for(self._ready, 3)
        return (*guest.found(text), *(one.found for one in guest.seen_pmem(text)))

    def _ready(self) -> str | None:
        self._lab.check()
        booted, text = guest.last_boot(servers.console(self._lab, self._server))
        return text if booted not in ("", self._before) and guest.is_ready(text) else None


def boot_id(lab: Lab, tenant: Tenant) -> str:
    """What tells one run of a guest's kernel from the next."""
    return guest.last_boot(servers.console(lab, tenant.server))[0]


def reads_now(lab: Lab, tenant: Tenant) -> tuple[str, ...]:
    """What a running guest reads from its devices now, sorted; by then it sees all of them, and has read them anew.

    Its kernel takes its time to find one that was just plugged in; one that it never finds ends the step.
    """
    before = _last_beat(lab, tenant).number

    def later() -> guest.Beat | None:
        lab.check()
        beat = _last_beat(lab, tenant)
        return beat if beat.number > before + 1 and len(beat.holds) >= len(tenant.written) else None

    holds = wait_for(later, 3).holds
    return tuple(sorted(holds.values()))


def _last_beat(lab: Lab, tenant: Tenant) -> guest.Beat:
    _, text = guest.last_boot(servers.console(lab, tenant.server))
    return (guest.beats(text) or [guest.Beat(0, {})])[-1]
