"""Decides when a server is done with its handles, and which handles are to be cleaned then.

Erasing needs evidence: Nova is deleting the server, or what its database and libvirt say (:mod:`nova_accel.virt.evidence`). Without
one the handles stay reserved with their data.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from oslo_log import log as logging

from nova_accel.cleaning.cleaner import Cleaner
from nova_accel.cleaning.due import Work
from nova_accel.discovery.candidate import Candidate
from nova_accel.exception import HandleUnavailable
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from nova_accel.virt.evidence import ServerFacts, why_gone
from nova_accel.virt.inventory import Inventory
from nova_accel.virt.reconcile import ClaimantsOf

LOG = logging.getLogger(__name__)

_WAITS = "waits for whoever cleans it: nova-accel device clean {} --done-by NAME ([nova_accel] one_time_use)"

_NOT_FOUND = "is not in this host, or not where it was; cleaned once it is found again"
_HOST_USES_IT = "is not touched: {}; cleaned once that is over"

FactsOf = Callable[[str], ServerFacts | None]


class Releaser:
    """Releases handles, says what is to be cleaned, and cleans one."""

    def __init__(
        self,
        inventory: Inventory,
        ledger: Ledger,
        cleaner: Cleaner,
        place: Callable[[Candidate], str],
        *,
        one_time_use: bool = False,
        claimants: ClaimantsOf = dict,
    ) -> None:
        """Release nothing yet.

        :param place: what names a device in a domain's XML
        :param one_time_use: whether others clean what servers release
        :param claimants: which servers Nova's database gives what this host has to, whatever is happening to them
        """
        self._claimants = claimants
        self._one_time_use = one_time_use
        self._inventory = inventory
        self._ledger = ledger
        self._cleaner = cleaner
        self._place = place
        self._unknown: set[str] = set()
        """Servers of which it was said that Nova's database does not know them."""

    def release(self, server: str, evidence: str) -> tuple[HandleId, ...]:
        """Note that a server is done with all it has on this host.

        :returns: what it had, to be cleaned now
        """
        kept = self._keep_for_owners(self._ledger.of_server(server))
        handles = self._ledger.release(server, evidence, kept)
        for handle in handles:
            LOG.info("%s is released by server %s: %s", handle, server, evidence)
        return handles

    def release_gone(self, here: str, domains: Mapping[str, Collection[str]], facts: FactsOf) -> bool:
        """Release what servers are done with, which nobody told us: moved, offloaded, deleted while nova-compute was away.

        :param here: this host, as Nova names it
        :param domains: what each domain that libvirt knows here has: PCI addresses and paths, by the server's uuid
        :param facts: what Nova's database says about a server
        :returns: whether there was any
        """
        assigned = [e for e in self._ledger.entries().values() if e.state is State.ASSIGNED and e.server is not None]
        doubtful = [entry for entry in assigned if not self._is_in_domain(entry, domains)]
        known = {server: facts(server) for server in sorted({entry.server or "" for entry in doubtful})}
        unknown = [entry for entry in doubtful if known[entry.server or ""] is None]
        gone = [(entry, why) for entry in doubtful if (why := self._why_gone(here, entry, domains, known)) is not None]
        kept = self._keep_for_owners([*unknown, *(entry for entry, _ in gone)])
        self._say_unknown(entry for entry in unknown if entry.handle not in kept)
        for entry, why in gone:
            if entry.handle not in kept:
                self._ledger.release_one(entry.handle, entry.server or "", why)
                LOG.info("%s is released by server %s: %s", entry.handle, entry.server, why)
        return any(self._ledger.entries()[entry.handle].state is not State.ASSIGNED for entry in doubtful)

    def _why_gone(
        self,
        here: str,
        entry: Entry,
        domains: Mapping[str, Collection[str]],
        known: Mapping[str, ServerFacts | None],
    ) -> str | None:
        # Where the device is away, it cannot be told from the domain's XML whether it is still meant.
        unclear = entry.server in domains and self._inventory.candidate(entry.handle) is None
        return why_gone(here, entry.handle, known[entry.server or ""], in_a_domain=unclear)

    def having(self) -> set[str]:
        """The servers that have something here."""
        return {entry.server or "" for entry in self._ledger.entries().values() if entry.state is State.ASSIGNED}

    def forget_domains(
        self,
        stopped: Callable[[], Collection[str]],
        living: Collection[str],
        facts: FactsOf,
        undefine: Callable[[str], None],
    ) -> bool:
        """Take away the domains that Nova left behind of servers that are deleted, as after a move that failed, if they have a device.

        Somebody could start them, and they would keep the device for ever.

        :param stopped: servers whose domain does not run; asked only if a server that has a device is not known to be there
        :param living: servers that are known to be there
        :param undefine: takes a domain away that does not run
        :returns: whether there was one
        """
        doubtful = self.having() - {*living}
        if doubtful:
            doubtful &= {*stopped()}
        gone = [one for one in sorted(doubtful) if (fact := facts(one)) and fact.deleted]
        for server in gone:
            LOG.warning(
                "Server %s is deleted, and libvirt still keeps its domain, which does not run: taken away", server
            )
            undefine(server)
        return bool(gone)

    def _keep_for_owners(self, entries: Iterable[Entry]) -> set[HandleId]:
        """Keep what Nova gave to other servers than this ledger says, where it may be an older copy: erasing would hit the wrong one.

        Where it is none, the data is of the server that it names, and whoever else Nova gives it to gets it clean.

        :returns: what is not to be released
        """
        outdated = [entry for entry in entries if self._ledger.age.may_be_outdated(entry.since)]
        claimants = self._claimants() if outdated else {}
        kept = set()
        for entry in outdated:
            others = set(claimants.get(entry.handle, ())) - {entry.server}
            if not others:
                continue
            kept.add(entry.handle)
            LOG.error(
                "The ledger gives %s to server %s and Nova to %s: it is kept",
                entry.handle,
                entry.server,
                ", ".join(others),
            )
            if len(others) == 1 and entry.server not in claimants[entry.handle]:
                self._ledger.hand_on(entry.handle, entry.server or "", others.pop())
        return kept

    def _say_unknown(self, entries: Iterable[Entry]) -> None:
        """Say once of each server that Nova's database does not know it: what it has stays reserved until an operator says otherwise."""
        unknown = {entry.server or "": entry.handle for entry in entries}
        for server in sorted(unknown.keys() - self._unknown):
            LOG.warning(
                "%s stays reserved with its data for server %s, which is not in Nova's database; if it was deleted and purged: "
                "nova-accel device clean %s --left-by %s --purged",
                unknown[server],
                server,
                unknown[server].identity,
                server,
            )
        self._unknown = set(unknown)

    def _is_in_domain(self, entry: Entry, domains: Mapping[str, Collection[str]]) -> bool:
        candidate = self._inventory.candidate(entry.handle)
        return candidate is not None and self._place(candidate) in domains.get(entry.server or "", ())

    def due(self, *, only_reading: bool = False) -> list[HandleId]:
        """What is to be cleaned, or read, now.

        :param only_reading: leave out what a server released
        """
        due = [entry for _, entry in sorted(self._ledger.entries().items()) if self._work(entry) is not Work.NOTHING]
        return [entry.handle for entry in due if not (only_reading and entry.may_be_erased)]

    def wait_for_others(self) -> None:
        """Say of what others have to clean that it waits for them; what they did last, and did not do, stays said."""
        if not self._one_time_use:
            return
        for handle, entry in self._ledger.entries().items():
            waits = entry.state in (State.DIRTY, State.CLEAN_FAILED) and entry.may_be_erased and entry.retry_at is None
            reason = _WAITS.format(handle.identity)
            if waits and entry.asked is None and not entry.reason.endswith(reason):
                failed = f"{entry.reason}; " if entry.state is State.CLEAN_FAILED and entry.reason else ""
                self._ledger.explain(handle, f"{failed}{reason}")

    def is_time(self) -> bool:
        """Whether something that failed is to be tried again now."""
        return any(
            entry.retry_at is not None and self._work(entry) is not Work.NOTHING and self._is_within_reach(entry.handle)
            for entry in self._ledger.entries().values()
        )

    def settle(self, handle: HandleId) -> bool:
        """Clean a handle that was released; read one that was never offered before.

        :returns: whether it became available
        """
        entry = self._ledger.entries().get(handle)
        if entry is None or self._work(entry) is Work.NOTHING:
            return False
        candidate = self._inventory.present(handle)
        if candidate is None or candidate.handle is None:
            # Of what is only to be read the reason says more: it may be here, and no longer configured.
            if entry.may_be_erased or entry.asked is not None:
                self._put_off(entry, _NOT_FOUND)
            return False
        if entry.may_be_erased and candidate.verdict.reason.host_uses_it:
            # Whoever released it, or said that it may be erased, did not mean what the host does with it now.
            self._put_off(entry, _HOST_USES_IT.format(candidate.verdict.sentence))
            return False
        if not entry.may_be_erased and not candidate.verdict.eligible:
            if entry.asked is not None:
                self._put_off(entry, f"could not be read: {candidate.verdict.sentence}")
            return False
        return self._cleaner.settle(candidate.handle)

    def _put_off(self, entry: Entry, reason: str) -> None:
        """Say why it cannot be cleaned now, to whoever asked for it too."""
        if entry.asked is not None:
            self._ledger.put_off(entry.handle, reason)
        elif entry.reason != reason:
            self._ledger.explain(entry.handle, reason)

    def wipe(self, handles: Iterable[HandleId], server: str) -> None:
        """Erase what a server has and keeps.

        :raises AccelError: when one is not there, or could not be proven clean
        """
        for handle in handles:
            candidate = self._inventory.present(handle)
            if candidate is None or candidate.handle is None:
                raise HandleUnavailable(handle.identity, server, "it is not in this host, or not where it was")
            self._cleaner.wipe(candidate.handle, server)

    def _is_within_reach(self, handle: HandleId) -> bool:
        """Whether it would be found and may be touched, as far as the last look tells."""
        candidate = self._inventory.candidate(handle)
        return candidate is not None and candidate.handle is not None and not candidate.verdict.reason.host_uses_it

    def _work(self, entry: Entry) -> Work:
        candidate = self._inventory.candidate(entry.handle)
        return self._cleaner.work(entry, candidate.incarnation if candidate else None)
