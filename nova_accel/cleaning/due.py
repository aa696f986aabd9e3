"""What is to be done to a handle now. Pure."""

import enum
from dataclasses import dataclass
from datetime import datetime

from nova_accel.cleaning import retries
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State


class Work(enum.Enum):
    """What cleaning a handle can take."""

    NOTHING = "nothing"
    PROVE = "prove"
    """Read it: nobody released it, so it must hold nothing."""
    READ_BACK = "read back"
    """Read what somebody else says to have cleaned."""
    ERASE = "erase"
    """Erase it and read it back."""


@dataclass(frozen=True)
class Tried:
    """What was tried since nova-compute started."""

    incarnation: str | None
    """Of the device then; another one now is a reason to try again."""
    since: str
    """Since when the ledger had it as it was then; if it came to that once more, nothing that was read then counts."""
    failures: int = 0
    """How often it could not be read, one time after the other."""
    again_at: str | None = None
    """When reading it may be tried again, UTC, ISO 8601; None: not for this incarnation."""

    def was_another(self, incarnation: str | None) -> bool:
        """Whether it was another device than now; what is away is not taken for another.

        :param incarnation: now; None while there is none
        """
        return incarnation is not None and self.incarnation != incarnation


def work(entry: Entry, incarnation: str | None, tried: Tried | None, *, one_time_use: bool, now: datetime) -> Work:
    """Say what is to be done.

    :param incarnation: of the device that has the handle; None while there is none
    :param tried: what was tried since nova-compute started; None: nothing
    :param one_time_use: whether others do the erasing
    """
    if entry.is_quarantined and entry.asked is None:
        return Work.NOTHING
    if not entry.may_be_erased:
        return Work.PROVE if _is_to_be_read(entry, incarnation, tried, now) else Work.NOTHING
    if entry.state not in (State.DIRTY, State.CLEANING, State.CLEAN_FAILED):
        return Work.NOTHING
    if entry.done_by is not None:
        return Work.READ_BACK
    if one_time_use and entry.asked is None and entry.state is not State.CLEANING:
        return Work.NOTHING
    if entry.state is State.CLEAN_FAILED and not _is_to_be_tried_again(entry, incarnation, tried, now):
        return Work.NOTHING
    return Work.ERASE


def _is_to_be_read(entry: Entry, incarnation: str | None, tried: Tried | None, now: datetime) -> bool:
    if entry.state is not State.DIRTY:
        return False
    if entry.asked is not None or tried is None or tried.was_another(incarnation):
        return True
    return tried.since != entry.since or retries.is_time(tried.again_at, now)


def _is_to_be_tried_again(entry: Entry, incarnation: str | None, tried: Tried | None, now: datetime) -> bool:
    if entry.asked is not None or tried is None or tried.was_another(incarnation):
        return True
    return retries.is_time(entry.retry_at, now)
