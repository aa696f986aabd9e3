"""What is read as root and changes nothing."""

from nova_accel.privsep import controller, reading_pctxt, tool
from nova_accel.privsep.errors import Refused

_LSPCI_TIMEOUT_S = 30.0
_CALL_TIMEOUT_S = 60.0


@reading_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def lspci() -> str:
    """Standard output of ``lspci -Dnmm``: every PCI function in numbers.

    :raises nova_accel.privsep.errors.Failed: see :func:`nova_accel.privsep.tool.run`
    """
    return tool.run(["lspci", "-Dnmm"], _LSPCI_TIMEOUT_S)


@reading_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def who_holds(addresses: list[str]) -> dict[str, str]:
    """Try to open the disks of NVMe controllers exclusively, each for an instant.

    :returns: a sentence by address, for those in use and those that could not be looked at
    """
    found = {}
    for address in addresses:
        try:
            with controller.exclusive(controller.namespaces(controller.device(address))):
                pass
        except Refused as refusal:
            found[address] = str(refusal)
    return found
