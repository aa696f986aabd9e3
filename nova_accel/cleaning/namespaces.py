"""Compares the namespaces that an SSD says it has with those that this host can read.

A guest has all admin commands: it may detach a namespace, or format it so that Linux makes no use of it, and whoever attaches or
formats it later would read what it holds. Sizes cannot tell that, because an SSD rounds, and may promise more than it has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nova_accel.exception import CleaningFailed
from nova_accel.facts import nvme
from nova_accel.host import Host
from nova_accel.model import PciAddress
from nova_accel.parsers.nvme import ControllerAbilities
from nova_accel.parsers.nvme_namespaces import parse_list_ns

# The kernel looks for namespaces in the background, after it was bound, after a format and after a sanitize.
_LOOKS = 6
_PAUSE_S = 1.0

MAKE_ONE = "make one namespace of all of it (nvme delete-ns, create-ns, attach-ns)"


@dataclass(frozen=True)
class Namespaces:
    """Those of one SSD at one moment."""

    sizes: Mapping[str, int]
    """In bytes, by block device name."""
    ids: Mapping[str, int]
    """Their numbers, as far as the kernel says."""
    listed: frozenset[int]
    """The numbers of all that the SSD says it has."""

    @property
    def hidden(self) -> tuple[int, ...]:
        """What the SSD has and this host does not see."""
        return tuple(sorted(self.listed - set(self.ids.values())))

    @property
    def problem(self) -> str:
        """Why what this host sees cannot be read as a whole, as part of a sentence; empty when it can."""
        if not any(self.sizes.values()):
            return f"it has no namespace with anything in it, so nothing can be read back; {MAKE_ONE}"
        for name, size_bytes in self.sizes.items():
            number = self.ids.get(name)
            if number is None:
                return f"the kernel does not say which of its namespaces {name} is"
            if number not in self.listed:
                return f"the kernel shows namespace {number}, which the SSD does not have any more"
            if not size_bytes:
                return (
                    f"namespace {number} has no size for Linux, as after a format with metadata, so nothing can be read back of it; "
                    f"format it without (nvme format /dev/{name} --lbaf=0) or delete it (nvme delete-ns --namespace-id={number})"
                )
        return ""


def look(
    host: Host, address: str, serial: str, abilities: ControllerAbilities, sleep: Callable[[float], None]
) -> Namespaces:
    """See what is there, and give the kernel a moment where it does not show all of it yet.

    :raises CleaningFailed: when what this host sees cannot be read as a whole
    :raises nova_accel.exception.PrivilegedCallError: when root's side refused or failed
    :raises nova_accel.exception.ParseError: when the SSD does not say which namespaces it has
    """
    found = _look(host, address, serial, abilities)
    for _ in range(_LOOKS - 1):
        if not found.hidden and not found.problem:
            break
        sleep(_PAUSE_S)
        found = _look(host, address, serial, abilities)
    if found.problem:
        raise CleaningFailed(serial, f"{found.problem}, then: nova-accel device clean {serial}")
    return found


def _look(host: Host, address: str, serial: str, abilities: ControllerAbilities) -> Namespaces:
    # Without namespace management there is none that is not attached, and no list of such.
    listed = parse_list_ns(host.list_ns(address, serial, abilities.manages_namespaces))
    sizes = dict(sorted(host.sizes(address, serial).items()))
    return Namespaces(sizes, nvme.namespace_ids(host.roots, PciAddress.parse(address)), listed)


def outside(hidden: tuple[int, ...], unallocated_bytes: int) -> str:
    """Where a guest may have left something that this host cannot read, in words; empty where there is no such place."""
    places = [f"{_numbered(hidden)}, which this host does not see"] if hidden else []
    if unallocated_bytes:
        places.append(f"{unallocated_bytes} bytes of it that are in none of its namespaces")
    return ", and in ".join(places)


def _numbered(hidden: tuple[int, ...]) -> str:
    return f"namespace{'s' if len(hidden) > 1 else ''} {', '.join(map(str, hidden))}"
