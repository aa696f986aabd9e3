"""Keeps the stable paths of PMEM namespaces right: they are gone at each boot of the host, and what they lead to can change."""

from collections.abc import Iterable

from nova_accel.discovery.candidate import Candidate, Snapshot
from nova_accel.exception import PrivilegedCallError
from nova_accel.facts import links
from nova_accel.host import Host
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State


def mend(host: Host, entries: Iterable[Entry], snapshot: Snapshot) -> tuple[str, ...]:
    """Let the path of every namespace that a server has lead to it, and no path lead to another namespace.

    Neither touches a guest that runs: it opened its device when it started. Root's side is asked only if something is wrong.

    :returns: a warning for each path that could not be made
    """
    entries = tuple(entries)
    refused = {one.address: _refusal(host, one) for one in _wrong(host, entries, snapshot)}
    # A refusal may have taken the wrong path away all the same.
    still_wrong = _wrong(host, entries, snapshot) if any(refused.values()) else []
    return tuple(
        f"the stable path of {one.address} is not right: {why}"
        for one in still_wrong
        if (why := refused.get(one.address))
    )


def _wrong(host: Host, entries: Iterable[Entry], snapshot: Snapshot) -> list[Candidate]:
    """The namespaces that a path should lead to, or another one's should not."""
    found = _without_path(host, entries, snapshot) | _with_anothers(host, snapshot)
    return [one for _, one in sorted(found.items())]


def _without_path(host: Host, entries: Iterable[Entry], snapshot: Snapshot) -> dict[str, Candidate]:
    """The namespaces that a server has and whose own path does not lead to them, by address."""
    found, led_to = snapshot.by_handle(), links.read(host.roots)
    assigned = [found[one.handle] for one in entries if one.state is State.ASSIGNED and one.handle in found]
    return {
        one.address: one
        for one in assigned
        if (chardev := one.details.get("dax_device")) and led_to.get(one.identity or "") != chardev
    }


def _with_anothers(host: Host, snapshot: Snapshot) -> dict[str, Candidate]:
    """The namespaces to which another one's path leads: one that was destroyed, and whose number was given anew."""
    led_to = links.read(host.roots).items()
    return {
        one.address: one
        for one in snapshot.candidates
        if any(chardev == one.details.get("dax_device") and uuid != one.identity for uuid, chardev in led_to)
    }


def _refusal(host: Host, candidate: Candidate) -> str:
    """Make a namespace's own path, which takes away all that are wrong; why it was not made, or nothing."""
    try:
        host.link_namespace(candidate.address, candidate.identity or "")
    except PrivilegedCallError as error:
        return str(error)
    return ""
