"""What the ledger holds, as values."""

from dataclasses import dataclass

from nova_accel.ledger.states import State
from nova_accel.model import HandleId

ELIGIBLE = "eligible"
"""The verdict on what may be given away, in the words of :mod:`nova_accel.eligibility.verdict`."""

QUARANTINED = "quarantined: "
"""How the reason of a drain begins that nova-compute itself has ordered."""

DRAINED_BEFORE = "; drained before: "
"""What stands in such a reason before an operator's own."""


@dataclass(frozen=True)
class Entry:
    """What the ledger knows about one handle."""

    handle: HandleId
    provider: str
    """The provider's name without the node's, such as ``ssd_S4EVNF0M500001``."""
    state: State
    server: str | None = None
    """Uuid of the server that has it, or had it last."""
    released: str | None = None
    reason: str = ""
    """Why it is not available."""
    since: str = ""
    """UTC, ISO 8601."""
    drained: str | None = None
    """Why an operator drained it; None when it is not."""
    asked: str | None = None
    """Since when an operator wants it cleaned; None when nobody does."""
    cleaned: str | None = None
    """When and how it was last proven clean."""
    failures: int = 0
    """How many attempts to clean it failed, one after the other."""
    retry_at: str | None = None
    """When nova-compute tries again by itself, UTC, ISO 8601; None when it does not."""
    done_by: str | None = None
    """Who else says to have cleaned it; None when nobody does, or it was read back since."""
    unproven: bool = False
    """Whether it was offered with what the server before has left on it, because ``clean_methods`` is ``none``."""

    @property
    def may_be_erased(self) -> bool:
        """Whether there is evidence that its last server released it."""
        return self.released is not None

    @property
    def is_quarantined(self) -> bool:
        """Whether it hung or did not come back, so that only an operator may have it touched again."""
        return self.drained is not None and self.drained.startswith(QUARANTINED)

    @property
    def drained_by_operator(self) -> str | None:
        """Why an operator drained it, also before it was quarantined; None where none did."""
        if self.drained is None or not self.is_quarantined:
            return self.drained
        _, kept, former = self.drained.partition(DRAINED_BEFORE)
        return former if kept else None


@dataclass(frozen=True)
class Sighting:
    """What was last seen at an address, and the verdict on it."""

    address: str
    incarnation: str
    identity: str | None
    driver: str | None
    reason: str
    sentence: str
    resource_class: str | None = None
    details: str = "{}"
    """For people: a JSON object of words, such as vendor and product."""
