"""What may have become of a handle after an operation, in words, and what each of the five witnesses must say then."""

from collections.abc import Collection
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Fate:
    """What is expected of one handle. A set of several values means that each of them is right."""

    words: str
    ledger: frozenset[str]
    """Its states; all but ``available`` with the server's name on it."""
    placement: frozenset[str]
    """All of what is true: whose allocation it backs, ``server`` or ``migration``; that it is ``reserved``. Nothing is free."""
    nova: frozenset[str]
    """Where Nova has it: ``resources`` of the server, ``old`` and ``new`` of its migration context."""
    domains: frozenset[bool]
    """Whether it is in the XML of its server's domain on that host."""
    content: frozenset[str]
    """``data`` for exactly the nonce of its server, or ``empty``."""
    drivers: frozenset[str]
    """To what an SSD is bound."""

    def but(self, words: str = "", **changes: Collection[object]) -> "Fate":
        """The same but for some of it."""
        return replace(self, words=words or self.words, **{key: frozenset(one) for key, one in changes.items()})


def _fate(words: str, ledger: str, placement: str, nova: str = "", **more: Collection[object]) -> Fate:
    facts = {"domains": {True}, "content": {"data"}, "drivers": {"vfio-pci"}} | more
    facts |= {"ledger": {ledger}, "placement": placement.split(), "nova": nova.split()}
    return Fate(words, **{key: frozenset(one) for key, one in facts.items()})


KEPT = _fate("kept", "assigned", "server", "resources")
EMPTY = KEPT.but(words="has, empty", content={"empty"})
SUSPENDED = KEPT.but(words="kept, taken out of the guest", domains={False})
SOURCE = _fate("kept for the way back", "assigned", "migration", "old", domains={True, False})
DESTINATION = KEPT.but(words="has at the destination", nova={"resources", "new"}, content={"empty", "data"})
RESERVED = _fate("reserved with data", "assigned", "reserved", domains={True, False})
ORPHANED = RESERVED.but(words="reserved, its guest still runs", domains={True})
CLEAN = _fate("clean and offered", "available", "", domains={False}, content={"empty"}, drivers={"nvme"})
PROMISED = CLEAN.but(words="allocated, never touched", placement={"server"}, nova={"resources", "new"})
