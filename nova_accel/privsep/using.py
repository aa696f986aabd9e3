"""Sees which processes use a disk; a capability more than reading has is needed for that."""

from nova_accel.privsep import acting_pctxt, controller, openers
from nova_accel.privsep.errors import Refused

_CALL_TIMEOUT_S = 60.0


@acting_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def who_writes(addresses: list[str]) -> dict[str, str]:
    """Which of these NVMe controllers' disks a process has open for writing.

    :returns: a sentence by address, for those that one has open and those that could not be looked at
    """
    found: dict[str, str] = {}
    whose: dict[int, str] = {}
    for address in addresses:
        try:
            names = controller.namespaces(controller.device(address))
        except Refused as refusal:
            found[address] = str(refusal)
            continue
        whose |= dict.fromkeys(openers.device_numbers(names), address)
    for number, writer in openers.find_writers(whose).items():
        found[whose[number]] = f"{writer} has it open for writing"
    return found
