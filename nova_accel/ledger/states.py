"""The states of a handle, and which may follow which. Everything else that touches a state goes through :func:`after`."""

import enum


class State(enum.Enum):
    """What is known about a handle, on disk."""

    AVAILABLE = "available"
    """Proven clean, with no server."""
    ASSIGNED = "assigned"
    """A server has it, or had it and has not released it: its content is that server's."""
    DIRTY = "dirty"
    """Nothing is proven about its content. Erased only if it was released; otherwise it may be only read."""
    CLEANING = "cleaning"
    """Being erased and verified, or that was interrupted."""
    CLEAN_FAILED = "clean failed"
    """Erasing or verifying did not succeed; the entry's reason says why."""


class Event(enum.Enum):
    """What can happen to a handle."""

    CLAIM = "claim"
    ADOPT = "adopt"
    GIVE_BACK = "give back"
    RELEASE = "release"
    FOUND_ZERO = "found zero"
    HOST_USED_IT = "host used it"
    DOUBT = "doubt"
    CLEAN = "clean"
    CLEANED = "cleaned"
    CLEANING_FAILED = "cleaning failed"


_AFTER = {
    (State.AVAILABLE, Event.CLAIM): State.ASSIGNED,
    (State.ASSIGNED, Event.CLAIM): State.ASSIGNED,  # by the same server only: the ledger sees to that
    (State.AVAILABLE, Event.ADOPT): State.ASSIGNED,  # Nova gave it to a server that this ledger does not know of
    (State.DIRTY, Event.ADOPT): State.ASSIGNED,  # likewise, if nobody released it: the ledger sees to that
    (State.ASSIGNED, Event.GIVE_BACK): State.AVAILABLE,  # it never reached a guest
    (State.ASSIGNED, Event.RELEASE): State.DIRTY,
    (State.DIRTY, Event.FOUND_ZERO): State.AVAILABLE,
    (State.AVAILABLE, Event.HOST_USED_IT): State.DIRTY,
    # The ledger is an older copy: what was released then may be another server's now, so nothing is erased by it.
    (State.DIRTY, Event.DOUBT): State.DIRTY,
    (State.CLEANING, Event.DOUBT): State.DIRTY,
    (State.CLEAN_FAILED, Event.DOUBT): State.DIRTY,
    (State.DIRTY, Event.CLEAN): State.CLEANING,  # if it was released: the ledger sees to that
    (State.CLEANING, Event.CLEAN): State.CLEANING,  # begun again
    (State.CLEAN_FAILED, Event.CLEAN): State.CLEANING,
    (State.CLEANING, Event.CLEANED): State.AVAILABLE,
    (State.CLEANING, Event.CLEANING_FAILED): State.CLEAN_FAILED,
}


class IllegalTransition(Exception):
    """Something was done to a handle that its state does not allow: a bug of ours, or two at once."""

    def __init__(self, handle: str, state: State, event: Event) -> None:
        super().__init__(f"{handle} is {state.value}, so there can be no {event.value!r}")
        self.handle = handle
        self.state = state
        self.event = event


def after(handle: str, state: State, event: Event) -> State:
    """The state that follows.

    :raises IllegalTransition: when the event cannot happen in that state
    """
    try:
        return _AFTER[state, event]
    except KeyError:
        raise IllegalTransition(handle, state, event) from None
