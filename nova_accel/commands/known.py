"""What this host's ledger knows about each device: its entry and what was seen of it, put together."""

import json
from dataclasses import dataclass

from nova_accel.cleaning import progress
from nova_accel.commands import naming
from nova_accel.eligibility.verdict import Reason
from nova_accel.exception import AccelError
from nova_accel.ledger.cleanings import CleaningRecord, Underway
from nova_accel.ledger.entry import Entry, Sighting
from nova_accel.ledger.standing import standing
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger

ABSENT = "absent"
_ABSENT = "it was not there when nova-compute last looked"


class NotOffered(AccelError):
    """A command is for what was offered at least once, and this was not."""

    def __init__(self, identity: str, reason: str) -> None:
        super().__init__(f"{identity} was never offered to a guest: {reason}")
        self.identity = identity
        self.reason = reason


@dataclass(frozen=True)
class Known:
    """One device. It has an entry once it was offered, and a sighting while it is there."""

    entry: Entry | None
    sighting: Sighting | None
    cleaning: CleaningRecord | None = None
    """The last attempt to clean it that came to an end."""
    doing: Underway | None = None
    """What is being done to it now."""

    @property
    def identity(self) -> str | None:
        """None for a device that shows none."""
        if self.entry is not None:
            return self.entry.handle.identity
        return self.sighting.identity if self.sighting else None

    @property
    def resource_class(self) -> str | None:
        """None while no driver takes it."""
        if self.entry is not None:
            return self.entry.handle.resource_class
        return self.sighting.resource_class if self.sighting else None

    @property
    def address(self) -> str | None:
        """Where it is now."""
        return self.sighting.address if self.sighting else None

    @property
    def state(self) -> str:
        """Where it stands, in one word of its reference page."""
        return standing(self.entry, self.sighting).value

    @property
    def server(self) -> str | None:
        """The server that has it; not the one that had it last."""
        return self.entry.server if self.entry and self.entry.state is State.ASSIGNED else None

    @property
    def drained(self) -> str | None:
        """Why an operator drained it, or nova-compute quarantined it."""
        return self.entry.drained if self.entry else None

    @property
    def progress(self) -> str | None:
        """What is being done to it now, how much of that is done and how long it will take."""
        return progress.in_words(self.doing, progress.now()) if self.doing else None

    @property
    def verdict(self) -> str:
        """The reason of the verdict, in the words of its reference page."""
        return self.sighting.reason if self.sighting else ABSENT

    @property
    def details(self) -> dict[str, object]:
        """What was read of the hardware, for people."""
        try:
            details = json.loads(self.sighting.details) if self.sighting else {}
        except ValueError:
            return {}
        return details if isinstance(details, dict) else {}

    def why_not_available(self) -> str:
        """Everything that keeps it from being given away, in one sentence; empty for what is available."""
        reasons = [_of_sighting(self.sighting)]
        if self.entry is not None:
            reasons += [_of_state(self.entry, self.progress), _of_drain(self.entry)]
        return "; ".join(reason for reason in reasons if reason)


def _of_sighting(sighting: Sighting | None) -> str:
    if sighting is None:
        return _ABSENT
    return "" if sighting.reason == Reason.ELIGIBLE.value else sighting.sentence


def _of_state(entry: Entry, doing: str | None) -> str:
    if entry.state is State.AVAILABLE or entry.is_quarantined:  # the quarantine says why
        return ""
    if entry.state is State.ASSIGNED:
        return f"server {entry.server} has it" + (f"; {entry.reason}" if entry.reason else "")
    why = doing or entry.reason
    return f"{entry.state.value}: {why}" if why else entry.state.value


def _of_drain(entry: Entry) -> str:
    if entry.drained is None:
        return ""
    return entry.drained if entry.is_quarantined else f"drained: {entry.drained}"


def everything(ledger: Ledger) -> tuple[Known, ...]:
    """Every device that was offered or seen, those of a class together.

    :raises nova_accel.exception.LedgerError: when the ledger cannot be read
    """
    entries = {entry.handle.identity: entry for entry in ledger.entries().values()}
    sightings = ledger.sightings.all().values()
    cleanings, under_way = ledger.cleanings.last(), ledger.cleanings.under_way()
    there = {one.identity for one in sightings}
    pairs: list[tuple[str, Sighting | None]] = [(one.identity or "", one) for one in sightings]
    pairs += [(identity, None) for identity in entries if identity not in there]
    devices = (Known(entries.get(name), one, cleanings.get(name), under_way.get(name)) for name, one in pairs)
    return tuple(sorted(devices, key=_order))


def _order(one: Known) -> tuple[bool, str, str, str]:
    return one.resource_class is None, one.resource_class or "", one.identity or "", one.address or ""


def find(devices: tuple[Known, ...], word: str) -> Known:
    """The device with an identity, the beginning of one, or exactly an address.

    :raises nova_accel.commands.naming.UnknownName: when there is none, or more than one
    """
    at_address = [one for one in devices if one.address == word]
    if at_address:
        return at_address[0]
    identity = naming.resolve(word, {one.identity for one in devices if one.identity})
    same = [one for one in devices if one.identity == identity]
    if len(same) > 1:
        addresses = [one.address or "" for one in same]
        raise naming.UnknownName(word, f"is at {' and '.join(addresses)}; name one by its address", addresses)
    return same[0]


def offered(ledger: Ledger, word: str) -> Entry:
    """The entry with an identity or the beginning of one; addresses do not count, since what is there may change.

    :raises nova_accel.commands.naming.UnknownName: when there is none, or more than one
    :raises NotOffered: for a device that is there and was never offered
    """
    devices = everything(ledger)
    identity = naming.resolve(word, {one.identity for one in devices if one.identity})
    one = next(one for one in devices if one.identity == identity)
    if one.entry is None:
        raise NotOffered(identity, one.why_not_available())
    return one.entry
