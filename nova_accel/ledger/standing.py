"""Where a handle stands, in one word for people: its state, unless something else keeps it from being given away."""

import enum

from nova_accel.ledger.entry import ELIGIBLE, Entry, Sighting
from nova_accel.ledger.states import State


class Standing(enum.Enum):
    """All that a handle can be, states of the ledger and what is beside them."""

    AVAILABLE = State.AVAILABLE.value
    ASSIGNED = State.ASSIGNED.value
    DIRTY = State.DIRTY.value
    CLEANING = State.CLEANING.value
    CLEAN_FAILED = State.CLEAN_FAILED.value
    DRAINED = "drained"
    """An operator, or nova-compute after it hung, does not want it to be offered."""
    MISSING = "missing"
    """It was offered once and is not there now."""
    NOT_ELIGIBLE = "not eligible"
    """The verdict is against it."""


def standing(entry: Entry | None, sighting: Sighting | None) -> Standing:
    """The word for a handle: what has to be known first about it.

    A server that has it, and content that is not clean, matter more than why it would not be offered; these states are about data.
    """
    if entry is not None and entry.state is not State.AVAILABLE and sighting is not None:
        return Standing(entry.state.value)
    if sighting is None:
        return Standing.MISSING
    if entry is not None and entry.drained is not None:
        return Standing.DRAINED
    if entry is None or sighting.reason != ELIGIBLE:
        return Standing.NOT_ELIGIBLE
    return Standing.AVAILABLE
