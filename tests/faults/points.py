"""Every point at which a process is killed, made from the table of transitions and from the border to root's side."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass

from nova_accel import privsep
from nova_accel.ledger import states

BEFORE = "before"
MIDDLE = "in the middle of"
AFTER = "after"

DOMAIN_STARTS = "a domain starts"
DOMAIN_ENDS = "a domain ends"
DEVICE_LEAVES = "a device leaves a guest"
DEVICE_ENTERS = "a device enters a guest"
GUEST_SAVED = "a guest is saved"

ASKING = frozenset(
    {
        "lspci",
        "ndctl",
        "who_uses",
        "signatures",
        "mounted_elsewhere",
        "namespace_users",
        "smart_logs",
        "id_ctrl",
        "list_ns",
        "sizes",
        "namespace_size",
        "sanitize_log",
        "check_namespace",
        "first_nonzero",
        "first_unlike",
        "namespace_first_nonzero",
    }
)
"""Calls that change nothing on the machine: to be killed before one is to be killed after the call before it, so once is enough."""

_ASKED_TOGETHER = {"who_holds": "who_uses", "who_writes": "who_uses"}

WITH_A_MIDDLE = frozenset({"hand_over", "bring_back", "erase", "zero", "sanitize", "zero_namespace"})
"""Calls that do more than one thing, or one that takes long."""

AT_ONCE = {
    "settle": "it is one write to sysfs",
    "link_namespace": "a link is there or not, and one that leads elsewhere is made anew whenever a guest starts",
}
"""Calls that change something and have no middle, and why."""


@dataclass(frozen=True, order=True)
class Point:
    """One place in time."""

    what: str
    """A transition as ``dirty, clean``, or the name of a call of the host's."""
    when: str
    during: str = ""
    """The name of the scene, where it is not the one that is there for this point."""

    def __str__(self) -> str:
        return f"{self.when} {self.what}" + (f", {self.during}" if self.during else "")


def transition(state: states.State, event: states.Event) -> str:
    """What a transition is called here."""
    return f"{state.value}, {event.value}"


def transitions() -> tuple[str, ...]:
    """Every transition that the ledger allows."""
    return tuple(transition(state, event) for state, event in states._AFTER)


def privileged() -> tuple[str, ...]:
    """Every function that oslo.privsep runs as root for us, from what is registered with our two contexts."""
    modules = [
        importlib.import_module(f"{privsep.__name__}.{one.name}") for one in pkgutil.iter_modules(privsep.__path__)
    ]
    functions = [(name, value) for module in modules for name, value in vars(module).items()]
    return tuple(sorted({name for name, value in functions if getattr(value, "privsep_entrypoint", None) is not None}))


def calls() -> tuple[str, ...]:
    """Every call that crosses the border to root's side, by its name in :class:`nova_accel.host.Host`."""
    return tuple(sorted({_ASKED_TOGETHER.get(name, name) for name in privileged()}))


def of_transitions() -> Iterator[Point]:
    """Right before each commit, and right after it."""
    for name in transitions():
        yield Point(name, BEFORE)
        yield Point(name, AFTER)


def of_calls() -> Iterator[Point]:
    """Around each call, and within it where it has a middle."""
    for name in calls():
        yield Point(name, BEFORE)
        if name in WITH_A_MIDDLE:
            yield Point(name, MIDDLE)
        if name not in ASKING:
            yield Point(name, AFTER)


def of_hypervisor() -> Iterator[Point]:
    """Around what libvirt does to a guest: neither the ledger nor root's side has a part in it."""
    for name in (DOMAIN_STARTS, DOMAIN_ENDS, DEVICE_LEAVES, GUEST_SAVED, DEVICE_ENTERS):
        yield Point(name, BEFORE)
        yield Point(name, AFTER)
