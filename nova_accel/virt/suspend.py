"""Takes PCI devices out of a running guest and puts them back: what QEMU saves of a guest cannot hold them.

They stay their server's meanwhile, and so does their content.
"""

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

from lxml import etree
from nova.compute import power_state
from oslo_log import log as logging

from nova_accel.exception import AccelError
from nova_accel.virt import nova_private
from nova_accel.virt.guest_config import GuestElement
from nova_accel.virt.save_room import NoRoom, SaveRoom
from nova_accel.xml import domain
from nova_accel.xml.hostdev import PciHostdev

LOG = logging.getLogger(__name__)

_HAS_MEMORY = (
    "it has persistent memory of its host, all of which would be saved with it; stop it instead, or ask for "
    "[nova_accel] suspend_with_pmem"
)


class CannotSuspend(AccelError):
    """The server goes on with all its devices as before."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(f"server {server} cannot be suspended: {reason}")
        self.server = server
        self.reason = reason


class NotAttached(AccelError):
    """A guest did not get its devices back; it was saved again."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(f"server {server} did not get its devices back, so it is suspended as before: {reason}")
        self.server = server
        self.reason = reason


class StoppedByASnapshot(AccelError):
    """A guest did not get its devices back after a snapshot; it was saved again, and Nova takes it for stopped."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(
            f"server {server} did not get its devices back after its snapshot, so it does not run: {reason}; "
            "start it again, or reboot it hard: what is on its devices is kept, what its memory held is not"
        )
        self.server = server
        self.reason = reason


class RunsWithout(AccelError):
    """A guest did not get its devices back, and runs."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(f"server {server} runs without all of its devices until a hard reboot: {reason}")
        self.server = server
        self.reason = reason


def hostdevs(guest: Any, *, persistent: bool = False) -> list[PciHostdev]:
    """The PCI devices of ours that a guest has.

    :param persistent: in the definition that libvirt keeps, rather than now
    """
    root = etree.fromstring(guest.get_xml_desc(dump_inactive=persistent).encode())
    found = map(PciHostdev.from_element, root.iterfind("devices/hostdev[@type='pci']"))
    return [one for one in found if one is not None]


@contextlib.contextmanager
def memory_saved(guest: Any, server: str, room: SaveRoom | None) -> Iterator[None]:
    """Have room for a guest's persistent memory while the guest is saved; nothing for one without.

    :param room: None where servers with persistent memory are not suspended
    :raises CannotSuspend: when that is so, or there is no room
    """
    xml = guest.get_xml_desc()
    if not any(domain.nvdimm_paths(xml).values()):
        yield
        return
    if room is None:
        raise CannotSuspend(server, _HAS_MEMORY)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(room.promised(domain.memory_bytes(xml)))
        except NoRoom as error:
            raise CannotSuspend(server, str(error)) from error
        yield


@contextlib.contextmanager
def nothing_lost(guest: Any, server: str) -> Iterator[None]:
    """Tell where a block that raises leaves a guest with less of the host's devices than it had: Nova takes its own out, too.

    :raises RunsWithout: when that is so
    """
    before = domain.host_devices(guest.get_xml_desc())
    try:
        yield
    except Exception as error:
        lost = before - domain.host_devices(guest.get_xml_desc())
        if lost:
            reason = f"it could not be suspended ({error}), and {', '.join(sorted(lost))} did not come back"
            raise RunsWithout(server, reason) from error
        raise


@contextlib.contextmanager
def taken_out(driver: Any, guest: Any, server: str) -> Iterator[None]:
    """Have every PCI device of ours out of a running guest; back where the block raises.

    :raises CannotSuspend: when it is paused, or does not let go; it has all devices as before
    """
    before = hostdevs(guest)
    if before and guest.get_power_state(driver._host) == power_state.PAUSED:
        raise CannotSuspend(server, "it is paused, and only a guest that runs can let go of a device")
    detach_all(driver, guest, server)
    try:
        yield
    except Exception:
        put_back(guest, server, before)
        raise


def detach_all(driver: Any, guest: Any, server: str) -> None:
    """Take every PCI device of ours out of a running guest, and out of the definition that libvirt keeps.

    :raises CannotSuspend: when one stays; those that had left are back
    """
    before = hostdevs(guest)
    for one in before:
        try:
            nova_private.detach(driver, guest, server, one.alias, functools.partial(_element, guest, one))
        except Exception as error:  # Nova's and libvirt's, of any sort
            put_back(guest, server, before)
            raise CannotSuspend(server, f"its guest did not let go of {one.alias}: {error}") from error
        LOG.info("%s at %s left the guest of server %s, whose it stays", one.alias, one.address, server)


def put_back(guest: Any, server: str, wanted: Sequence[PciHostdev]) -> None:
    """Let a running guest have again what it lacks of its devices; what does not come back is logged."""
    for one in wanted:
        try:
            attach(guest, one)
        except Exception:
            LOG.exception(
                "%s at %s did not come back into the guest of server %s; a hard reboot does it",
                one.alias,
                one.address,
                server,
            )


def attach(guest: Any, hostdev: PciHostdev) -> None:
    """Let a running guest have a device, now and in the definition that libvirt keeps; nothing where it has it.

    :raises libvirt.libvirtError: when that is not possible
    """
    live, persistent = hostdev not in hostdevs(guest), hostdev not in hostdevs(guest, persistent=True)
    if live or persistent:
        guest.attach_device(GuestElement(hostdev), persistent=persistent, live=live)


def attach_all(
    driver: Any, guest: Any, server: str, wanted: Sequence[PciHostdev], room: SaveRoom | None = None
) -> None:
    """Give a guest that was just resumed its devices, all of them.

    :param room: for its persistent memory, should it have to be saved again; None where that is not looked at
    :raises NotAttached: when one could not be given; the guest was saved again and does not run without it
    :raises RunsWithout: when that was not possible either
    """
    for one in wanted:
        try:
            attach(guest, one)
        except Exception as error:
            reason = f"{one.alias} at {one.address}: {error}"
            _save_again(driver, guest, server, reason, room)
            raise NotAttached(server, reason) from error
        LOG.info("%s at %s is back in the guest of server %s", one.alias, one.address, server)


def _save_again(driver: Any, guest: Any, server: str, reason: str, room: SaveRoom | None) -> None:
    try:
        with memory_saved(guest, server, room) if room is not None else contextlib.nullcontext():
            detach_all(driver, guest, server)
            detach_config(guest)
            guest.save_memory_state()
    except Exception as error:
        raise RunsWithout(server, f"{reason}; it could not be saved again: {error}") from error


def detach_config(guest: Any) -> None:
    """Take our devices out of the definition only: what is saved has none of them, whatever the guest got meanwhile."""
    for one in hostdevs(guest, persistent=True):
        guest.detach_device(GuestElement(one), persistent=True, live=False)


def _element(guest: Any, hostdev: PciHostdev, persistent: bool) -> GuestElement | None:
    return GuestElement(hostdev) if hostdev in hostdevs(guest, persistent=persistent) else None
