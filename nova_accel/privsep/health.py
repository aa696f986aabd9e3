"""Asks SSDs how they are. Passing an NVMe command through needs a capability, but nothing is changed."""

import time

from nova_accel.privsep import acting_pctxt, controller, tool
from nova_accel.privsep.errors import Failed, Refused

# An SSD answers within milliseconds. One that does not must not keep the others, and a guest about to start, waiting.
_TOOL_TIMEOUT_S = 5.0
_ALL_TIMEOUT_S = 20.0
_CALL_TIMEOUT_S = 60.0


@acting_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def smart_logs(addresses: list[str]) -> dict[str, str]:
    """Standard output of ``nvme smart-log -o json`` by address.

    One that the nvme driver does not run is left out, so is one that does not answer in time, or for which no time was left.

    :raises Failed: when none answered, as without nvme-cli
    """
    found: dict[str, str] = {}
    failures: list[Failed] = []
    end = time.monotonic() + _ALL_TIMEOUT_S
    for address in addresses:
        if time.monotonic() >= end:
            break
        try:
            found[address] = _smart_log(address)
        except Refused:
            continue
        except Failed as failure:
            failures.append(failure)
    if failures and not found:
        raise failures[0]
    return found


def _smart_log(address: str) -> str:
    name = controller.controller(controller.device(address)).name
    return tool.run(["nvme", "smart-log", f"/dev/{name}", "-o", "json"], _TOOL_TIMEOUT_S)
