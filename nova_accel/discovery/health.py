"""Asks the SSDs that are about to be offered how they are. They are idle, so asking at every look disturbs nobody."""

from collections.abc import Sequence

from nova_accel.exception import ParseError, PrivilegedCallError
from nova_accel.host import Host
from nova_accel.parsers import nvme_health
from nova_accel.parsers.nvme_health import SsdHealth


def ask(host: Host, addresses: Sequence[str]) -> tuple[dict[str, SsdHealth], tuple[str, ...]]:
    """Ask about the health of these SSDs.

    :returns: what could be read, by address; and a warning about what could not, which is no reason to withhold an SSD
    """
    try:
        printed = host.smart_logs(addresses) if addresses else {}
    except PrivilegedCallError as error:
        return {}, (f"how the SSDs are could not be asked, so they are offered without that: {error}",)
    found: dict[str, SsdHealth] = {}
    warnings = []
    for address in addresses:
        try:
            if address in printed:
                found[address] = nvme_health.parse(printed[address])
            else:
                warnings.append(f"the SSD at {address} did not say how it is, {_OFFERED}; nvme smart-log says more")
        except ParseError as error:
            warnings.append(f"the SSD at {address} did not say how it is, {_OFFERED}: {error}")
    return found, tuple(warnings)


_OFFERED = "so it is offered without that"
