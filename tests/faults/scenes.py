"""A scene for each transition of the ledger and for each call to root's side: what goes on when a process is killed there."""

from collections.abc import Callable
from dataclasses import dataclass

from nova_accel.ledger.states import Event, State
from tests.faults import acts
from tests.faults.cloud import Cloud
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
    Point,
    transition,
)
from tests.faults.survival import confirmed_and_used, have_it_go_on, reverted_and_used, unshelved_and_used
from tests.faults.world import World


@dataclass(frozen=True)
class Scene:
    """A life that may end before the scene, something done to the files, and the life that is killed."""

    name: str
    act: Callable[[Cloud], None]
    """With the trap armed; in a process of its own when there is an earlier life."""
    reaches: tuple[str, ...] = ()
    """For what it is there."""
    prepare: Callable[[Cloud], None] | None = None
    """Before, in the same process."""
    earlier: Callable[[Cloud], None] | None = None
    """Before, in a process that ends where it stands."""
    earlier_ends: Point | None = None
    """Where it is killed."""
    between: Callable[[World], None] = acts.nothing
    """What happens to the files after the earlier life."""
    afterwards: Callable[[Cloud], None] | None = None
    """What is done with the server in the life after the kill, before it is deleted."""
    operator: frozenset[Word] = frozenset()
    """What an operator may have to do after it."""


# Nova leaves a server in the middle of what it was doing with it, and what a move had in Placement once that server is deleted.
_NOVA_STOPS = frozenset({Word.STATE})
_NOVA_STOPS_A_MOVE = frozenset({Word.STATE, Word.ALLOCATION})
# What was released by an older copy of the ledger may be another server's now: only an operator knows.
_NOBODY_KNOWS = frozenset({Word.CLEANING, Word.FOREIGN})
_A, _S, _D, _C, _F = State.AVAILABLE, State.ASSIGNED, State.DIRTY, State.CLEANING, State.CLEAN_FAILED

SCENES = (
    Scene(
        "the first look",
        act=acts.started_and_round,
        reaches=(
            transition(_D, Event.FOUND_ZERO),
            *("lspci", "ndctl", "who_uses", "signatures", "mounted_elsewhere", "namespace_users", "smart_logs"),
            *("list_ns", "sizes", "first_nonzero", "namespace_size", "namespace_first_nonzero"),
        ),
    ),
    Scene(
        "a server is made",
        prepare=acts.start,
        act=acts.boot,
        reaches=(transition(_A, Event.CLAIM), "hand_over", "check_namespace", "link_namespace", DOMAIN_STARTS),
    ),
    Scene(
        "a server is deleted",
        prepare=acts.started_with_a_server,
        act=acts.delete,
        reaches=(
            transition(_S, Event.RELEASE),
            transition(_D, Event.CLEAN),
            transition(_C, Event.CLEANED),
            *("bring_back", "id_ctrl", "erase", "settle", "zero_namespace", DOMAIN_ENDS),
        ),
    ),
    Scene(
        "an SSD without format is cleaned",
        prepare=acts.started_with_a_server_on(can_format=False),
        act=acts.delete,
        reaches=("zero",),
    ),
    Scene(
        "an SSD reads as a pattern after a format",
        prepare=acts.started_with_a_server_on(reads_after_erase=b"~", size_bytes=1024**2),
        act=acts.delete,
        reaches=("first_unlike",),
    ),
    Scene(
        "an SSD is sanitized",
        prepare=acts.started_with_a_server_on(sanitizes=("sanitize-block",)),
        act=acts.delete,
        reaches=("sanitize", "sanitize_log"),
    ),
    Scene(
        "a server is suspended",
        prepare=acts.started_to_be_suspended,
        act=acts.suspend,
        reaches=(DEVICE_LEAVES, GUEST_SAVED),
    ),
    Scene("a server is resumed", prepare=acts.suspended, act=acts.resume, reaches=(DEVICE_ENTERS,)),
    Scene(
        "a hard reboot",
        prepare=acts.started_with_a_server,
        act=acts.reboot_hard,
        reaches=(transition(_S, Event.CLAIM),),
    ),
    Scene(
        "a server that is refused",
        prepare=acts.start,
        act=acts.boot_refused,
        reaches=(transition(_S, Event.GIVE_BACK),),
    ),
    Scene(
        "the host mounts a free SSD",
        prepare=acts.start,
        act=acts.host_mounts_one,
        reaches=(transition(_A, Event.HOST_USED_IT),),
    ),
    Scene(
        "erasing does nothing",
        prepare=acts.started_with_a_server,
        act=acts.cannot_be_erased,
        reaches=(transition(_C, Event.CLEANING_FAILED),),
    ),
    Scene(
        "an operator has it cleaned",
        prepare=acts.was_not_erased,
        act=acts.erased_at_last,
        reaches=(transition(_F, Event.CLEAN),),
    ),
    Scene(
        "killed while it cleans, and again",
        earlier=acts.booted_and_deleted,
        earlier_ends=Point(transition(_C, Event.CLEANED), BEFORE),
        act=acts.started_and_round,
        reaches=(transition(_C, Event.CLEAN),),
    ),
    Scene(
        "the ledger is lost while a server runs",
        earlier=acts.started_with_a_server,
        between=acts.ledger_lost,
        act=acts.started_and_round,
        reaches=(transition(_D, Event.ADOPT),),
    ),
    Scene(
        "the ledger is older than a stopped server",
        earlier=acts.started_copied_and_stopped,
        between=acts.folder_from_before_and_no_domain,
        act=acts.started_and_round,
        reaches=(transition(_A, Event.ADOPT),),
    ),
    Scene(
        "the ledger is older, and something waited for cleaning then",
        earlier=acts.booted_and_deleted,
        earlier_ends=Point(transition(_D, Event.CLEAN), BEFORE),
        between=acts.claims_are_missing,
        act=acts.started_and_round,
        reaches=(transition(_D, Event.DOUBT),),
        operator=_NOBODY_KNOWS,
    ),
    Scene(
        "the ledger is older, and something was being cleaned then",
        earlier=acts.booted_and_deleted,
        earlier_ends=Point(transition(_C, Event.CLEANED), BEFORE),
        between=acts.claims_are_missing,
        act=acts.started_and_round,
        reaches=(transition(_C, Event.DOUBT),),
        operator=_NOBODY_KNOWS,
    ),
    Scene(
        "the ledger is older, and something could not be cleaned then",
        earlier=acts.was_not_erased,
        between=acts.claims_are_missing,
        act=acts.started_and_round,
        reaches=(transition(_F, Event.DOUBT),),
        operator=_NOBODY_KNOWS,
    ),
)


OTHER_SCENES = (
    Scene("a server is rebuilt", prepare=acts.started_with_a_server, act=acts.rebuild),
    Scene("a server is shelved and offloaded", prepare=acts.started_with_a_server, act=acts.shelve),
    Scene(
        "a server is rebooted hard",
        prepare=acts.started_with_a_server,
        act=acts.reboot_hard,
        afterwards=have_it_go_on,
    ),
    Scene(
        "a server is shelved, offloaded and goes on later",
        prepare=acts.started_with_a_server,
        act=acts.shelve,
        afterwards=unshelved_and_used,
        operator=_NOVA_STOPS,
    ),
    Scene(
        "a server is unshelved",
        prepare=acts.shelved,
        act=acts.unshelve,
        afterwards=unshelved_and_used,
        operator=_NOVA_STOPS,
    ),
    Scene("a server is stopped", prepare=acts.started_with_a_server, act=acts.stop, afterwards=have_it_go_on),
    Scene("a server is started", prepare=acts.started_and_stopped, act=acts.start_again, afterwards=have_it_go_on),
    Scene(
        "a server is rescued",
        prepare=acts.started_with_a_server,
        act=acts.rescue,
        afterwards=have_it_go_on,
        operator=_NOVA_STOPS,
    ),
    Scene(
        "a server is unrescued",
        prepare=acts.rescued,
        act=acts.unrescue,
        afterwards=have_it_go_on,
        operator=_NOVA_STOPS,
    ),
    Scene(
        "a cold snapshot is taken",
        prepare=acts.started_for_a_cold_snapshot,
        act=acts.take_a_snapshot,
        afterwards=have_it_go_on,
    ),
    Scene(
        "a server is suspended and goes on later",
        prepare=acts.started_to_be_suspended,
        act=acts.suspend,
        afterwards=have_it_go_on,
        operator=_NOVA_STOPS,
    ),
    Scene(
        "a server is resumed and goes on later",
        prepare=acts.suspended,
        act=acts.resume,
        afterwards=have_it_go_on,
        operator=_NOVA_STOPS,
    ),
    Scene(
        "a server is resized on its host",
        prepare=acts.started_with_a_server,
        act=acts.resize,
        afterwards=reverted_and_used,
        operator=_NOVA_STOPS_A_MOVE,
    ),
    Scene("a resize is confirmed", prepare=acts.resized, act=acts.confirm, afterwards=confirmed_and_used),
    Scene(
        "a resize is reverted",
        prepare=acts.resized,
        act=acts.revert,
        afterwards=reverted_and_used,
        operator=_NOVA_STOPS_A_MOVE,
    ),
    Scene(
        "a server moves",
        prepare=acts.started_with_a_server_and_another_host,
        act=acts.migrate,
        afterwards=reverted_and_used,
        operator=_NOVA_STOPS_A_MOVE,
    ),
    Scene("a move is confirmed", prepare=acts.migrated, act=acts.confirm, afterwards=confirmed_and_used),
    Scene(
        "a move is reverted",
        prepare=acts.migrated,
        act=acts.revert,
        afterwards=reverted_and_used,
        operator=_NOVA_STOPS_A_MOVE,
    ),
)
"""What else goes on where a kill could do harm."""

OTHER_KILLS = tuple(
    Point(what, when, scene)
    for scene, points in (
        ("a server is rebuilt", (("bring_back", MIDDLE), ("erase", MIDDLE), ("zero_namespace", AFTER))),
        ("a server is rebuilt", ((DOMAIN_ENDS, AFTER), (DOMAIN_STARTS, BEFORE))),
        ("a server is shelved and offloaded", ((DOMAIN_ENDS, AFTER), (transition(_S, Event.RELEASE), BEFORE))),
        ("a server is rebooted hard", ((DOMAIN_ENDS, AFTER), ("check_namespace", AFTER), (DOMAIN_STARTS, AFTER))),
        (
            "a server is shelved, offloaded and goes on later",
            ((DOMAIN_ENDS, AFTER), (transition(_S, Event.RELEASE), BEFORE), ("erase", MIDDLE)),
        ),
        ("a server is unshelved", ((transition(_A, Event.CLAIM), AFTER), ("hand_over", MIDDLE))),
        ("a server is unshelved", ((DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER))),
        ("a server is stopped", ((DOMAIN_ENDS, BEFORE), (DOMAIN_ENDS, AFTER))),
        ("a server is started", (("check_namespace", AFTER), (DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER))),
        ("a server is rescued", ((DOMAIN_ENDS, AFTER), (DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER))),
        ("a server is unrescued", ((DOMAIN_ENDS, AFTER), (DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER))),
        ("a cold snapshot is taken", ((DEVICE_LEAVES, AFTER), (GUEST_SAVED, BEFORE), (GUEST_SAVED, AFTER))),
        ("a cold snapshot is taken", ((DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER), (DEVICE_ENTERS, AFTER))),
        ("a server is resumed", ((DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER))),
        (
            "a server is suspended and goes on later",
            ((DEVICE_LEAVES, AFTER), (GUEST_SAVED, BEFORE), (GUEST_SAVED, AFTER)),
        ),
        (
            "a server is resumed and goes on later",
            ((DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER), (DEVICE_ENTERS, AFTER)),
        ),
        ("a server is resized on its host", ((DOMAIN_ENDS, AFTER), (transition(_A, Event.CLAIM), AFTER))),
        ("a server is resized on its host", ((DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER))),
        ("a resize is confirmed", ((transition(_S, Event.RELEASE), BEFORE), ("bring_back", MIDDLE))),
        ("a resize is reverted", ((DOMAIN_ENDS, AFTER), (DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER))),
        ("a server moves", ((DOMAIN_ENDS, AFTER), (transition(_A, Event.CLAIM), AFTER), ("hand_over", MIDDLE))),
        ("a server moves", ((DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER))),
        ("a move is confirmed", ((transition(_S, Event.RELEASE), BEFORE), ("bring_back", MIDDLE))),
        ("a move is confirmed", (("zero_namespace", MIDDLE), (transition(_C, Event.CLEANED), BEFORE))),
        ("a move is reverted", ((DOMAIN_ENDS, AFTER), (transition(_S, Event.RELEASE), BEFORE), ("erase", MIDDLE))),
        ("a move is reverted", ((DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER))),
    )
    for what, when in points
)


def scene_of(point: Point) -> Scene:
    """The scene that reaches a point.

    :raises LookupError: when there is none: a transition or a call was added without one
    """
    for scene in (*SCENES, *OTHER_SCENES):
        if scene.name == point.during or (not point.during and point.what in scene.reaches):
            return scene
    raise LookupError(f"no scene in tests/faults/scenes.py reaches {point.what!r}")
