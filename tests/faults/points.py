"""Every point at which a process is killed, made from the table of transitions and from the border to root's side."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from nova_accel.host import Host
from nova_accel.ledger import states

BEFORE = "before"
MIDDLE = "in the middle of"
AFTER = "after"

DOMAIN_STARTS = "a domain starts"
DOMAIN_ENDS = "a domain ends"

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
        "sizes",
        "namespace_size",
        "sanitize_log",
        "check_namespace",
        "first_nonzero",
        "namespace_first_nonzero",
    }
)
"""Calls that change nothing on the machine: to be killed before one is to be killed after the call before it, so once is enough."""

WITH_A_MIDDLE = frozenset({"hand_over", "bring_back", "erase", "zero", "sanitize", "zero_namespace"})
"""Calls that do more than one thing, or one that takes long."""


@dataclass(frozen=True, order=True)
class Point:
    """One place in time."""

    what: str
    """A transition as ``dirty, clean``, or the name of a call of the host's."""
    when: str

    def __str__(self) -> str:
        return f"{self.when} {self.what}"


def transition(state: states.State, event: states.Event) -> str:
    """What a transition is called here."""
    return f"{state.value}, {event.value}"


def transitions() -> tuple[str, ...]:
    """Every transition that the ledger allows."""
    return tuple(transition(state, event) for state, event in states._AFTER)


def calls() -> tuple[str, ...]:
    """Every call that crosses the border to root's side."""
    return tuple(name for name, _ in inspect.getmembers(Host, inspect.isfunction) if not name.startswith("_"))


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
    for name in (DOMAIN_STARTS, DOMAIN_ENDS):
        yield Point(name, BEFORE)
        yield Point(name, AFTER)
