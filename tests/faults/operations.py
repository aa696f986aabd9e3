"""What is done with a server, and where in that a kill could do a harm of its own."""

from functools import partial

from nova_accel.ledger.states import Event, State
from tests.faults import acts
from tests.faults.outcome import Word
from tests.faults.points import (
    AFTER,
    BEFORE,
    DEVICE_ENTERS,
    DEVICE_LEAVES,
    DOMAIN_ENDS,
    DOMAIN_STARTS,
    GUEST_SAVED,
    MIDDLE,
    transition,
)
from tests.faults.scene import Scene
from tests.faults.survival import confirmed_and_used, have_it_go_on, reverted_and_used, unshelved_and_used

# Nova leaves a server in the middle of what it was doing with it, and what a move had in Placement once that server is deleted.
_NOVA_STOPS = frozenset({Word.STATE})
_NOVA_STOPS_A_MOVE = frozenset({Word.STATE, Word.ALLOCATION})

_goes_on = partial(Scene, afterwards=have_it_go_on)
_stops = partial(Scene, afterwards=have_it_go_on, operator=_NOVA_STOPS)
_away = partial(Scene, afterwards=unshelved_and_used, operator=_NOVA_STOPS)
_moves = partial(Scene, afterwards=reverted_and_used, operator=_NOVA_STOPS_A_MOVE)
_confirmed = partial(Scene, afterwards=confirmed_and_used)

_CLAIMED = (transition(State.AVAILABLE, Event.CLAIM), AFTER)
_TO_BE_RELEASED = (transition(State.ASSIGNED, Event.RELEASE), BEFORE)
_TO_BE_OFFERED = (transition(State.CLEANING, Event.CLEANED), BEFORE)
_HALF_HANDED_OVER = ("hand_over", MIDDLE)
_HALF_BACK = ("bring_back", MIDDLE)
_HALF_ERASED = ("erase", MIDDLE)
_HALF_ZERO = ("zero_namespace", MIDDLE)
_ENDED = (DOMAIN_ENDS, AFTER)
_STARTS = ((DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER))
_IS_SAVED = ((DEVICE_LEAVES, AFTER), (GUEST_SAVED, BEFORE), (GUEST_SAVED, AFTER))
_COMES_BACK = (*_STARTS, (DEVICE_ENTERS, AFTER))

OPERATIONS = (
    Scene(
        "a server is rebuilt",
        acts.rebuild,
        prepare=acts.started_with_a_server,
        kills=(_HALF_BACK, _HALF_ERASED, ("zero_namespace", AFTER), _ENDED, (DOMAIN_STARTS, BEFORE)),
    ),
    Scene(
        "a server is shelved and offloaded",
        acts.shelve,
        prepare=acts.started_with_a_server,
        kills=(_ENDED, _TO_BE_RELEASED),
    ),
    _away(
        "a server is shelved, offloaded and goes on later",
        acts.shelve,
        prepare=acts.started_with_a_server,
        kills=(_ENDED, _TO_BE_RELEASED, _HALF_ERASED),
    ),
    _away(
        "a server is unshelved",
        acts.unshelve,
        prepare=acts.shelved,
        kills=(_CLAIMED, _HALF_HANDED_OVER, *_STARTS),
    ),
    _goes_on(
        "a server is rebooted hard",
        acts.reboot_hard,
        prepare=acts.started_with_a_server,
        kills=(_ENDED, ("check_namespace", AFTER), (DOMAIN_STARTS, AFTER)),
    ),
    _goes_on(
        "a server is stopped",
        acts.stop,
        prepare=acts.started_with_a_server,
        kills=((DOMAIN_ENDS, BEFORE), _ENDED),
    ),
    _goes_on(
        "a server is started",
        acts.start_again,
        prepare=acts.started_and_stopped,
        kills=(("check_namespace", AFTER), *_STARTS),
    ),
    _stops("a server is rescued", acts.rescue, prepare=acts.started_with_a_server, kills=(_ENDED, *_STARTS)),
    _stops("a server is unrescued", acts.unrescue, prepare=acts.rescued, kills=(_ENDED, *_STARTS)),
    _goes_on(
        "a cold snapshot is taken",
        acts.take_a_snapshot,
        prepare=acts.started_for_a_cold_snapshot,
        kills=(*_IS_SAVED, *_COMES_BACK),
    ),
    _stops(
        "a server is suspended and goes on later",
        acts.suspend,
        prepare=acts.started_to_be_suspended,
        kills=_IS_SAVED,
    ),
    _stops("a server is resumed and goes on later", acts.resume, prepare=acts.suspended, kills=_COMES_BACK),
    _moves(
        "a server is resized on its host",
        acts.resize,
        prepare=acts.started_with_a_server,
        kills=(_ENDED, _CLAIMED, *_STARTS),
    ),
    _confirmed("a resize is confirmed", acts.confirm, prepare=acts.resized, kills=(_TO_BE_RELEASED, _HALF_BACK)),
    _moves("a resize is reverted", acts.revert, prepare=acts.resized, kills=(_ENDED, *_STARTS)),
    _moves(
        "a server moves",
        acts.migrate,
        prepare=acts.started_with_a_server_and_another_host,
        kills=(_ENDED, _CLAIMED, _HALF_HANDED_OVER, *_STARTS),
    ),
    _confirmed(
        "a move is confirmed",
        acts.confirm,
        prepare=acts.migrated,
        kills=(_TO_BE_RELEASED, _HALF_BACK, _HALF_ZERO, _TO_BE_OFFERED),
    ),
    _moves(
        "a move is reverted",
        acts.revert,
        prepare=acts.migrated,
        kills=(_ENDED, _TO_BE_RELEASED, _HALF_ERASED, *_STARTS),
    ),
)
"""Each is killed at these points only."""
