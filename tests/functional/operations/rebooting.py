"""A host that is rebooted: all guests end, all devices are the kernel's again, and they may have other addresses."""

from nova_accel.model import PciAddress
from tests.fakes.host import FakeHost

_BOOT = "8f1c7a6e-0000-4000-8000-00000000000"


def reboot(machine: FakeHost, connection: object, *, renumbered: bool = False, number: int = 2) -> None:
    """Reboot it while nova-compute is away.

    :param renumbered: whether SSDs come back at other addresses, and namespaces under other names
    """
    for guest in list(connection._vms.values()):
        guest.destroy()
    machine.reboot_id(f"{_BOOT}{number}")
    for address in list(machine.ssds):
        ssd = machine.unplug(address)
        ssd.bound_to, ssd.override = "nvme", ""
        if renumbered:
            ssd.address = _moved(ssd.address)
        machine.plug(ssd)
    _renumber(machine, renumbered)


def _renumber(machine: FakeHost, renumbered: bool) -> None:
    found = [machine.pmem.destroy(dev) for dev in list(machine.pmem.namespaces)]
    if renumbered:
        for one, dev in zip(found, [one.dev for one in reversed(found)], strict=True):
            one.dev = dev
    for one in found:
        machine.pmem.create(one)


def _moved(address: str) -> str:
    at = PciAddress.parse(address)
    return str(PciAddress(at.domain, at.bus + 0x10, at.slot, at.function))


def autostart(connection: object, server: dict) -> None:
    """Let libvirt begin a guest by itself, from the XML that it has stored."""
    connection.lookupByUUIDString(server["id"]).createWithFlags(0)
