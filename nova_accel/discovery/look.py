"""One look at the host, root's side included."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from nova_accel.discovery import health, namespaces, remembered, ssds, unseen
from nova_accel.discovery.candidate import NAMESPACE, SSD, Candidate, Snapshot
from nova_accel.discovery.memory import Memory, is_about_to_be_offered
from nova_accel.drivers.base import ChoosesByName, Driver, NamespaceDriver, SsdDriver
from nova_accel.eligibility.evidence import SsdEvidence
from nova_accel.exception import ParseError, PrivilegedCallError
from nova_accel.facts import usage
from nova_accel.facts.usage import HostUse
from nova_accel.host import Host
from nova_accel.parsers import lspci, ndctl
from nova_accel.parsers.ndctl import Listing

NOTHING = Snapshot()

_VFIO = "vfio-pci"

Found = TypeVar("Found")


def look(
    host: Host,
    drivers: Sequence[Driver],
    memory: Memory,
    before: Snapshot = NOTHING,
    wear_limit_percent: int = 100,
) -> Snapshot:
    """Look at the host. Only the tools that an enabled driver needs are run.

    A tool that cannot be run, or prints what cannot be read as a whole, costs the news of its sort of device only, with a warning:
    what was known of it stays.

    :param before: what the look before found, in this process
    :param wear_limit_percent: an SSD that has used more of its life is not offered
    """
    host_use = usage.read_host(host.roots)
    for_ssds = [one for one in drivers if isinstance(one, SsdDriver)]
    for_namespaces = [one for one in drivers if isinstance(one, NamespaceDriver)]
    found = Snapshot(warnings=host_use.warnings)
    if for_ssds:
        found += _tried(
            SSD, lambda: _ssds(host, host_use, for_ssds, memory, before, wear_limit_percent), memory, before
        )
    if for_namespaces:
        found += _tried(NAMESPACE, lambda: _namespaces(host, host_use, for_namespaces, memory), memory, before)
    return found


def sorts(drivers: Sequence[Driver]) -> frozenset[str]:
    """The sorts of device that these drivers look for."""
    ssds_too = {SSD for one in drivers if isinstance(one, SsdDriver)}
    return frozenset(ssds_too | {NAMESPACE for one in drivers if isinstance(one, NamespaceDriver)})


def _tried(what: str, find: Callable[[], Snapshot], memory: Memory, before: Snapshot) -> Snapshot:
    """What is found of one sort of device, or else what is known of it."""
    try:
        return find()
    except (PrivilegedCallError, ParseError) as error:
        why = str(error)
    if what in before.seen:
        kept = tuple(one for one in before.candidates if one.what == what)
        return Snapshot(
            kept,
            (f"this host's {what}s could not be looked at, what was known of them stays: {why}",),
            frozenset({what}),
        )
    known = remembered.candidates(what, memory, why)
    return Snapshot(
        known, (f"this host's {what}s could not be looked at since nova-compute started, so none is offered: {why}",)
    )


def _ssds(
    host: Host,
    host_use: HostUse,
    drivers: Sequence[SsdDriver],
    memory: Memory,
    before: Snapshot,
    wear_limit_percent: int,
) -> Snapshot:
    parsed = lspci.parse(host.lspci())
    found = ssds.find(host.roots, host_use, parsed.records, drivers, memory)
    found += unseen.candidates(host.roots, SSD, memory, before, found)
    found = _asked(found, memory, host.who_uses, "held_by")
    found = _asked(found, memory, host.mounted_elsewhere, "mounted_elsewhere", in_use_too=True)
    # An imported ZFS pool, a Ceph OSD and a bcache cache show nothing in sysfs but that something holds the disk.
    found = _asked(
        found,
        memory,
        lambda some: {at: tuple(kinds) for at, kinds in host.signatures(_proven(some, found, memory)).items()},
        "signatures",
        in_use_too=True,
    )
    # Last, because what is used anyway is not asked how it is.
    said, silent = health.ask(host, [one for one in found if _is_asked(one, memory)], before)
    found = [
        one.with_evidence(health=said[one.address], wear_limit_percent=wear_limit_percent)
        if one.address in said
        else one
        for one in found
    ]
    return Snapshot(tuple(found), parsed.warnings + silent, frozenset({SSD}))


def _namespaces(host: Host, host_use: HostUse, drivers: Sequence[NamespaceDriver], memory: Memory) -> Snapshot:
    listing = ndctl.parse(host.ndctl())
    found = _asked(
        namespaces.find(host.roots, host_use, listing, drivers, memory), memory, host.namespace_users, "held_by"
    )
    return Snapshot(tuple(found), listing.warnings + _absent(listing, drivers), frozenset({NAMESPACE}))


def _absent(listing: Listing, drivers: Sequence[NamespaceDriver]) -> tuple[str, ...]:
    """A warning about names in the configuration that no namespace carries: most likely one is misspelt."""
    wanted = frozenset[str]().union(*(one.names for one in drivers if isinstance(one, ChoosesByName)))
    absent = sorted(wanted - {record.name for record in listing.namespaces})
    if not absent:
        return ()
    return (
        f"[nova_accel] pmem_namespaces names {', '.join(absent)}, but no namespace of this host is called so; "
        "ndctl list -Ni shows the names that there are, ndctl create-namespace --name gives one",
    )


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


def _proven(addresses: Sequence[str], candidates: Sequence[Candidate], memory: Memory) -> list[str]:
    """Without those that are offered with what is on them: what a server wrote there says nothing about the host."""
    known = memory.by_identity()
    unproven = {one.address for one in candidates if (entry := known.get(one.identity or "")) and entry.unproven}
    return [address for address in addresses if address not in unproven]


def _is_asked(candidate: Candidate, memory: Memory, *, in_use_too: bool = False) -> bool:
    handle, verdict = candidate.handle, candidate.verdict
    if isinstance(candidate.evidence, SsdEvidence) and candidate.evidence.pci.kernel_driver == _VFIO:
        return False  # the kernel shows no disk of it
    # What is only unwell is offered again later: what the host does with it meanwhile must not go unseen.
    seems_free = verdict.eligible or verdict.reason.is_about_health or (in_use_too and bool(candidate.evidence.held_by))
    return seems_free and is_about_to_be_offered(memory.by_identity().get(handle.id.identity if handle else ""))
