"""What is read as root and changes nothing."""

from nova_accel.privsep import blocks, controller, reading_pctxt, tool
from nova_accel.privsep import signatures as wipefs
from nova_accel.privsep.errors import Failed, Refused

# Stands among an SSD's signatures when they could not be read.
UNREADABLE = "unreadable"

_TOOL_TIMEOUT_S = 30.0
_CALL_TIMEOUT_S = 60.0
_SIGNATURES_TIMEOUT_S = 300.0


@reading_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def lspci() -> str:
    """Standard output of ``lspci -Dnmm``: every PCI function in numbers.

    :raises nova_accel.privsep.errors.Failed: see :func:`nova_accel.privsep.tool.run_with`
    """
    return tool.run(["lspci", "-Dnmm"], _TOOL_TIMEOUT_S)


@reading_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def ndctl() -> str:
    """Standard output of ``ndctl list -NRDvi``: regions, DIMMs and namespaces, the idle ones too; sizes in bytes.

    :raises nova_accel.privsep.errors.Failed: see :func:`nova_accel.privsep.tool.run_with`
    """
    return tool.run(["ndctl", "list", "-NRDvi"], _TOOL_TIMEOUT_S)


@reading_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def who_holds(addresses: list[str]) -> dict[str, str]:
    """Try to open the disks of NVMe controllers exclusively, each for an instant.

    :returns: a sentence by address, for those in use and those that could not be looked at
    """
    found = {}
    for address in addresses:
        try:
            with blocks.exclusive(controller.namespaces(controller.device(address))):
                pass
        except Refused as refusal:
            found[address] = str(refusal)
    return found


@reading_pctxt.entrypoint_with_timeout(_SIGNATURES_TIMEOUT_S)
def signatures(addresses: list[str]) -> dict[str, list[str]]:
    """Types of the signatures on the disks and partitions of NVMe controllers, as wipefs names them.

    One that the nvme driver does not run is left out; :data:`UNREADABLE` stands for one that could not be read.

    :raises Failed: when none could be read, as without wipefs
    """
    found: dict[str, list[str]] = {}
    failures: list[Failed] = []
    for address in addresses:
        names = _disks(address)
        try:
            found[address] = _signatures(names) if names else []
        except Failed as failure:
            if _disks(address) != names:  # it went away meanwhile
                continue
            found[address] = [UNREADABLE]
            failures.append(failure)
    if failures and len(failures) == len(found):
        raise failures[0]
    return {address: types for address, types in found.items() if types}


def _signatures(names: tuple[str, ...]) -> list[str]:
    printed = tool.run(["wipefs", "--no-act", "--json", *(f"/dev/{name}" for name in names)], _TOOL_TIMEOUT_S)
    return wipefs.parse(printed, names)


def _disks(address: str) -> tuple[str, ...]:
    try:
        return blocks.with_partitions(controller.namespaces(controller.device(address)))
    except Refused:
        return ()
