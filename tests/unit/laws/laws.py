"""What is promised of data and devices and must hold at any time, each rule as a function of the world."""

from collections import Counter
from collections.abc import Mapping

from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.model import HandleId
from tests.fakes.host import FakeSsd
from tests.unit.laws import hardware
from tests.unit.laws.model import NODE
from tests.unit.laws.world import World

Entries = Mapping[str, Entry]
"""The ledger, by identity."""


def one_guest_at_most(world: World, entries: Entries) -> None:
    """A handle is in at most one running guest, and bound for it."""
    having = Counter(identity for domain in world.domains.values() if domain.running for identity in domain.devices)
    assert all(count == 1 for count in having.values()), having
    for domain in world.domains.values():
        for identity, device in domain.devices.items():
            assert not isinstance(device, FakeSsd) or device.bound_to == "vfio-pci", f"{identity} was taken away"


def content_is_kept(world: World, entries: Entries) -> None:
    """Content is erased only after a release, and what the host wrote only on an operator's word."""
    for identity, device in world.devices().items():
        if world.must_be_kept(identity):
            written = world.written[identity]
            assert device.content == written.content, f"{identity}: what {written.owner} wrote is gone"


def what_is_released_is_wiped_or_still_there(world: World, entries: Entries) -> None:
    """Note what was erased, so that it is nobody's."""
    for identity, device in world.devices().items():
        if hardware.is_zero(device):
            world.written.pop(identity, None)


def the_hosts_own_disk_is_left_alone(world: World, entries: Entries) -> None:
    """What the host has mounted stays on its driver; that nothing else may take it may be left of a cleaning that was cut."""
    for ssd in world.fake.ssds.values():
        if ssd.mounted_at:
            assert ssd.bound_to == "nvme", f"{ssd.serial} was taken from the host"
            assert ssd.override in ("", "nvme"), f"{ssd.serial} would be taken from the host"


def offered(world: World) -> frozenset[HandleId]:
    """What nova-compute would offer now."""
    if world.service is None or not world.service.inventory.has_looked:
        return frozenset()
    plans = world.service.providers(NODE, world.nova.tracked)
    resources = frozenset(handle for plan in plans for part in plan.classes.values() for handle in part.resources)
    return resources - world.nova.tracked


def what_is_offered_is_clean_and_free(world: World, entries: Entries) -> None:
    """What Nova may hand out holds nothing and nobody has it."""
    there = world.devices()
    for handle in offered(world):
        identity = handle.identity
        entry = entries[identity]
        assert entry.state is State.AVAILABLE, f"{identity} is offered"
        assert not world.in_a_guest(identity), f"{identity} is offered and in a guest"
        if identity in world.stale or identity not in there:
            continue
        assert entry.drained is None, f"{identity} is offered although it is drained"
        device = there[identity]
        assert hardware.is_zero(device), f"{identity} is offered with content"
        if isinstance(device, FakeSsd):
            assert (device.bound_to, device.mounted_at, device.group) == ("nvme", "", None)
        else:
            assert (device.enabled, device.user) == (True, "")


def what_is_called_clean_is(world: World, entries: Entries) -> None:
    """The ledger says available of nothing that holds something."""
    there = world.devices()
    for identity, entry in entries.items():
        if entry.state is State.AVAILABLE and identity in there and identity not in world.stale:
            assert hardware.is_zero(there[identity]), f"{identity} is called available and holds something"


def what_runs_is_known(world: World, entries: Entries) -> None:
    """What a running guest has is its server's in the ledger, or unknown where the ledger was lost; never anybody else's or free."""
    for uuid, domain in world.domains.items():
        for identity in domain.devices:
            entry = entries.get(identity)
            if entry is not None and entry.state is State.ASSIGNED:
                assert entry.server == uuid, f"{identity} is in the guest of {uuid} and noted for {entry.server}"


def what_nova_counts_stays(world: World, entries: Entries) -> None:
    """A handle that Nova has given out stays among its provider's: else every claim on this host would fail."""
    if world.service is None or not world.service.inventory.has_looked:
        return
    plans = world.service.providers(NODE, world.nova.tracked)
    resources = {handle for plan in plans for part in plan.classes.values() for handle in part.resources}
    known = {entry.handle for entry in entries.values()}
    assert not (world.nova.tracked & known) - resources


def what_is_promised_can_be_claimed(world: World) -> None:
    """Once everything has been told, Placement promises no more than Nova's tracker finds when a server comes for it."""
    allocated = {handle for server in world.nova.servers.values() for handle in server.allocated()}
    for plan in world.nova.offered:
        for name, part in plan.classes.items():
            free = part.total - part.reserved - len(part.resources & allocated)
            assert free <= len(part.resources - world.nova.tracked), (
                f"{name} of {plan.name} is promised and cannot be claimed"
            )


LAWS = (
    one_guest_at_most,
    content_is_kept,
    what_is_released_is_wiped_or_still_there,
    the_hosts_own_disk_is_left_alone,
    what_is_offered_is_clean_and_free,
    what_is_called_clean_is,
    what_runs_is_known,
    what_nova_counts_stays,
)
