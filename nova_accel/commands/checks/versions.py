"""Versions of libvirt and QEMU, against what Nova demands."""

from nova_accel.commands.checks.facts import Facts, Unknown
from nova_accel.commands.checks.result import Result, failure, ok

# MIN_LIBVIRT_VERSION and MIN_QEMU_VERSION of nova.virt.libvirt.driver: the same from Nova 31 to 34.
MIN_LIBVIRT = (8, 0, 0)
MIN_QEMU = (6, 2, 0)


def libvirt(facts: Facts) -> Result:
    """libvirt answers, and is new enough."""
    try:
        found = facts.hypervisor().libvirt
    except Unknown as error:
        return failure(
            str(error),
            "Start libvirtd or virtqemud, let this user into the group libvirt, or correct [libvirt] connection_uri.",
        )
    return _judge("libvirt", found, MIN_LIBVIRT)


def qemu(facts: Facts) -> Result:
    """QEMU is new enough."""
    try:
        found = facts.hypervisor().qemu
    except Unknown:
        return ok("not known while libvirt does not answer")
    return _judge("QEMU", found, MIN_QEMU)


def _judge(name: str, found: tuple[int, int, int], minimum: tuple[int, int, int]) -> Result:
    if found < minimum:
        return failure(f"{name} is {_dotted(found)}", f"Nova demands {name} {_dotted(minimum)} or newer: upgrade it.")
    return ok(f"{name} {_dotted(found)}")


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))
