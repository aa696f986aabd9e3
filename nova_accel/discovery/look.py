"""One look at the host, root's side included."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from nova_accel.discovery import namespaces, ssds
from nova_accel.discovery.candidate import Candidate, Snapshot
from nova_accel.discovery.memory import Memory, is_about_to_be_offered
from nova_accel.drivers.base import Driver, NamespaceDriver, SsdDriver
from nova_accel.exception import PrivilegedCallError
from nova_accel.facts import usage
from nova_accel.facts.usage import HostUse
from nova_accel.host import Host
from nova_accel.parsers import lspci, ndctl

Found = TypeVar("Found")


def look(host: Host, drivers: Sequence[Driver], memory: Memory) -> Snapshot:
    """Look at the host. Only the tools that an enabled driver needs are run.

    :raises nova_accel.exception.PrivilegedCallError: when such a tool cannot be run
    :raises nova_accel.exception.ParseError: when it prints what cannot be read as a whole
    """
    host_use = usage.read_host(host.roots)
    found, warnings = _ssds(host, host_use, [one for one in drivers if isinstance(one, SsdDriver)], memory)
    more, more_warnings = _namespaces(
        host, host_use, [one for one in drivers if isinstance(one, NamespaceDriver)], memory
    )
    return Snapshot((*found, *more), host_use.warnings + warnings + more_warnings)


def _ssds(
    host: Host, host_use: HostUse, drivers: Sequence[SsdDriver], memory: Memory
) -> tuple[list[Candidate], tuple[str, ...]]:
    if not drivers:
        return [], ()
    parsed = lspci.parse(host.lspci())
    found = ssds.find(host.roots, host_use, parsed.records, drivers, memory)
    found = _asked(found, memory, host.who_uses, "held_by")
    found = _asked(found, memory, host.mounted_elsewhere, "mounted_elsewhere", in_use_too=True)
    found = _asked(found, memory, lambda some: {a: tuple(s) for a, s in host.signatures(some).items()}, "signatures")
    return found, parsed.warnings


def _namespaces(
    host: Host, host_use: HostUse, drivers: Sequence[NamespaceDriver], memory: Memory
) -> tuple[list[Candidate], tuple[str, ...]]:
    if not drivers:
        return [], ()
    listing = ndctl.parse(host.ndctl())
    found = namespaces.find(host.roots, host_use, listing, drivers, memory)
    return _asked(found, memory, host.namespace_users, "held_by"), listing.warnings


def _asked(
    candidates: Sequence[Candidate],
    memory: Memory,
    ask: Callable[[Sequence[str]], Mapping[str, Found]],
    kind: str,
    *,
    in_use_too: bool = False,
) -> list[Candidate]:
    """Ask root's side about what is about to be offered, and about nothing else: no other disk of the host is opened.

    :param kind: the piece of evidence that the answer is
    :param in_use_too: ask also about those that turned out to be used, to say by whom
    """
    asked = {one.address for one in candidates if _is_asked(one, memory, in_use_too=in_use_too)}
    if not asked:
        return list(candidates)
    try:
        answers = ask(sorted(asked))
    except PrivilegedCallError as error:  # what cannot be checked is not offered
        return [one.with_evidence(unchecked=str(error)) if one.address in asked else one for one in candidates]
    return [
        one.with_evidence(**{kind: answers[one.address]}) if one.address in asked & answers.keys() else one
        for one in candidates
    ]


def _is_asked(candidate: Candidate, memory: Memory, *, in_use_too: bool) -> bool:
    handle = candidate.handle
    seems_free = candidate.verdict.eligible or (in_use_too and bool(candidate.evidence.held_by))
    return seems_free and is_about_to_be_offered(memory.by_identity().get(handle.id.identity if handle else ""))
