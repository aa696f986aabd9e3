"""What is read as root and changes nothing."""

import os

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
def who_holds(address: str) -> str:
    """Try to open each namespace of an NVMe controller exclusively, for an instant.

    :returns: a sentence about the first one that is in use; empty when none is
    :raises nova_accel.privsep.errors.Refused: when no NVMe controller run by the kernel is there
    """
    names = controller.namespaces(controller.device(address))
    try:
        with controller.exclusive(names, os.O_RDONLY):
            return ""
    except Refused as refusal:
        return str(refusal)
