"""A scene for each transition of the ledger and for each call to root's side: what goes on when a process is killed there."""

from nova_accel.ledger.states import Event, State
from tests.faults import acts, files
from tests.faults.operations import OPERATIONS
from tests.faults.outcome import Word
from tests.faults.points import (
    AFTER,
    BEFORE,
    DEVICE_ENTERS,
    DEVICE_LEAVES,
    DOMAIN_ENDS,
    DOMAIN_STARTS,
    GUEST_SAVED,
    Point,
    transition,
)
from tests.faults.scene import Scene

# What was released by an older copy of the ledger may be another server's now: only an operator knows.
_NOBODY_KNOWS = frozenset({Word.CLEANING, Word.FOREIGN})
_A, _S, _D, _C, _F = State.AVAILABLE, State.ASSIGNED, State.DIRTY, State.CLEANING, State.CLEAN_FAILED

# Each transition that something else leads to.
_OF_ONE_TRANSITION = (
    ("a hard reboot", acts.started_with_a_server, acts.reboot_hard, (_S, Event.CLAIM)),
    ("a server that is refused", acts.start, acts.boot_refused, (_S, Event.GIVE_BACK)),
    ("the host mounts a free SSD", acts.start, acts.host_mounts_one, (_A, Event.HOST_USED_IT)),
    ("erasing does nothing", acts.started_with_a_server, acts.cannot_be_erased, (_C, Event.CLEANING_FAILED)),
    ("an operator has it cleaned", acts.was_not_erased, acts.erased_at_last, (_F, Event.CLEAN)),
)

# By what the SSDs' controllers can do.
_OF_OTHER_SSDS = (
    ("an SSD without format is cleaned", acts.NO_FORMAT, ("zero",)),
    ("an SSD reads as a pattern after a format", acts.READS_AS_A_PATTERN, ("first_unlike",)),
    ("an SSD is sanitized", acts.SANITIZES, ("sanitize", "sanitize_log")),
)

# In what state something was when the copy of the ledger was made, and how it got into that.
_OF_AN_OLDER_LEDGER = (
    ("waited for cleaning", _D, acts.booted_and_deleted, Point(transition(_D, Event.CLEAN), BEFORE)),
    ("was being cleaned", _C, acts.booted_and_deleted, Point(transition(_C, Event.CLEANED), BEFORE)),
    ("could not be cleaned", _F, acts.was_not_erased, None),
)

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
    *(
        Scene(name, acts.delete, reaches, prepare=acts.started_with_a_server_on(**abilities))
        for name, abilities, reaches in _OF_OTHER_SSDS
    ),
    Scene(
        "a server is suspended",
        prepare=acts.started_to_be_suspended,
        act=acts.suspend,
        reaches=(DEVICE_LEAVES, GUEST_SAVED),
    ),
    Scene(
        "a server is resumed",
        prepare=acts.suspended,
        act=acts.resume,
        reaches=(DEVICE_ENTERS,),
        kills=((DOMAIN_STARTS, BEFORE), (DOMAIN_STARTS, AFTER)),
    ),
    *(Scene(name, act, (transition(*one),), prepare=prepare) for name, prepare, act, one in _OF_ONE_TRANSITION),
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
        between=files.ledger_lost,
        act=acts.started_and_round,
        reaches=(transition(_D, Event.ADOPT),),
    ),
    Scene(
        "the ledger is older than a stopped server",
        earlier=acts.started_copied_and_stopped,
        between=files.folder_from_before_and_no_domain,
        act=acts.started_and_round,
        reaches=(transition(_A, Event.ADOPT),),
    ),
    *(
        Scene(
            f"the ledger is older, and something {words} then",
            acts.started_and_round,
            (transition(state, Event.DOUBT),),
            earlier=earlier,
            earlier_ends=ends,
            between=files.claims_are_missing,
            operator=_NOBODY_KNOWS,
        )
        for words, state, earlier, ends in _OF_AN_OLDER_LEDGER
    ),
)

OTHER_KILLS = tuple(Point(what, when, scene.name) for scene in (*SCENES, *OPERATIONS) for what, when in scene.kills)


def scene_of(point: Point) -> Scene:
    """The scene that reaches a point.

    :raises LookupError: when there is none: a transition or a call was added without one
    """
    for scene in (*SCENES, *OPERATIONS):
        if scene.name == point.during or (not point.during and point.what in scene.reaches):
            return scene
    raise LookupError(f"no scene in tests/faults/scenes.py reaches {point.what!r}")
