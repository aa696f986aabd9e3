"""A server's data is erased on evidence only."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_accel.virt.evidence import MigrationFacts, ServerFacts, why_gone, why_not_left
from tests.unit.conftest import ssd_handle

HERE, THERE = "here", "there"
HANDLE, OTHER = ssd_handle("SN1"), ssd_handle("SN2")
HAS = ServerFacts(deleted=False, host=HERE, vm_state="active", task_state=None, claimed=frozenset({HANDLE}))
AWAY = replace(HAS, host=THERE, claimed=frozenset({OTHER}))


def move(status: str, source: str = HERE, destination: str | None = THERE, kind: str = "migration") -> MigrationFacts:
    return MigrationFacts(status, source, destination, kind)


FAILED_LATE, WENT_WELL = move("error"), move("confirmed")
REFUSED = move("error", kind="live-migration")
WITHOUT_A_HOST = move("error", destination=None)
OFFLOADED = replace(HAS, host=None, vm_state="shelved_offloaded", has=frozenset({HANDLE}))
"""Nova keeps what it had in its database."""


GONE = {
    "deleted": replace(HAS, deleted=True),
    "deleted in the middle of a move": replace(
        HAS, deleted=True, task_state="resize_migrated", migrations=(move("finished"),)
    ),
    "moved and confirmed": replace(AWAY, migrations=(move("confirmed"),)),
    "moved here and reverted": replace(AWAY, migrations=(move("reverted", THERE, HERE),)),
    "evacuated": replace(AWAY, migrations=(move("done"),)),
    "evacuated, and this host has come back": replace(AWAY, migrations=(move("completed"),)),
    "moved on while another move goes on elsewhere": replace(
        AWAY, migrations=(move("confirmed"), move("migrating", THERE, "somewhere"))
    ),
    "resized on this host and confirmed": replace(
        HAS, claimed=frozenset({OTHER}), migrations=(move("confirmed", HERE, HERE),)
    ),
    "moved, after a live migration was refused": replace(AWAY, migrations=(REFUSED, WENT_WELL)),
    "moved, and a live migration was refused elsewhere before it came here": replace(
        AWAY, migrations=(move("failed", THERE, HERE, "live-migration"), move("confirmed", THERE, HERE), WENT_WELL)
    ),
    "moved, after no host was found": replace(AWAY, migrations=(WITHOUT_A_HOST, WENT_WELL)),
    "evacuated, after no host was found": replace(
        AWAY, migrations=(move("failed", destination=None, kind="evacuation"), move("done", kind="evacuation"))
    ),
    "evacuated, after an evacuation to a named host had failed": replace(
        AWAY, migrations=(move("failed", kind="evacuation"), move("done", kind="evacuation"))
    ),
    "moved, after a move had failed and it was recovered here": replace(AWAY, migrations=(FAILED_LATE, WENT_WELL)),
    "moved, after two moves had failed and it was recovered here": replace(
        AWAY, migrations=(FAILED_LATE, move("migrating"), REFUSED, WENT_WELL)
    ),
    "moved on, after a move to this host had failed and it was recovered here": replace(
        AWAY, migrations=(move("error", THERE, HERE), WENT_WELL)
    ),
    "moved to a host where another device shows the same identity": replace(
        AWAY, has=frozenset({HANDLE}), migrations=(WENT_WELL,)
    ),
    "offloaded": OFFLOADED,
    "offloaded, after a live migration was refused and no host was found": replace(
        OFFLOADED, migrations=(REFUSED, WITHOUT_A_HOST)
    ),
    "offloaded, after a move had failed and it was recovered here": replace(OFFLOADED, migrations=(FAILED_LATE,)),
    "offloaded, and Nova was cut before it took it from its host": replace(OFFLOADED, host=HERE),
    "offloaded so, after a move had failed and it was recovered here": replace(
        OFFLOADED, host=HERE, migrations=(FAILED_LATE,)
    ),
    "reverted, offloaded before that was seen, and unshelved elsewhere": replace(AWAY, migrations=(move("reverted"),)),
    "reverted, and moved": replace(AWAY, migrations=(move("reverted"), WENT_WELL)),
    "reverted, and offloaded": replace(OFFLOADED, migrations=(move("reverted"),)),
    "resized on this host, reverted and moved": replace(AWAY, migrations=(move("reverted", HERE, HERE), WENT_WELL)),
    "never built": replace(HAS, host=None, vm_state="error", claimed=frozenset()),
}
KEPT = {
    "unknown to Nova": None,
    "running": HAS,
    "stopped": replace(HAS, vm_state="stopped"),
    "in the middle of something": replace(AWAY, task_state="rebuilding"),
    "moved and not confirmed": replace(AWAY, vm_state="resized", migrations=(move("finished"),)),
    "moving": replace(AWAY, migrations=(move("post-migrating"),)),
    "evacuation accepted": replace(AWAY, migrations=(move("accepted"),)),
    "a move that failed late": replace(AWAY, migrations=(FAILED_LATE,)),
    "a move that went well, and one that failed late": replace(AWAY, migrations=(WENT_WELL, FAILED_LATE)),
    "a move that failed late, and one on from there": replace(
        AWAY, migrations=(FAILED_LATE, move("confirmed", THERE, "somewhere"))
    ),
    "a move that failed late, and one back and on from here": replace(
        AWAY, migrations=(FAILED_LATE, move("confirmed", THERE, HERE), WENT_WELL)
    ),
    "a move that failed late, and an offload from there": replace(
        OFFLOADED, migrations=(FAILED_LATE,), has=frozenset({OTHER})
    ),
    "a resize on this host that failed late, and a move": replace(
        AWAY, migrations=(move("error", HERE, HERE), WENT_WELL)
    ),
    "a resize on this host that failed late, and an offload": replace(
        OFFLOADED, migrations=(move("error", HERE, HERE),), has=frozenset({OTHER})
    ),
    "a move that is neither confirmed nor reverted, and one that went well": replace(
        AWAY, migrations=(move("finished"), WENT_WELL)
    ),
    "a revert that was cut before Nova gave it back what it had here": replace(
        AWAY, claimed=frozenset({HANDLE, OTHER}), has=frozenset({OTHER}), migrations=(move("reverted"),)
    ),
    "a revert that was cut before Nova sent it back here": replace(
        AWAY, claimed=frozenset({HANDLE, OTHER}), has=frozenset({HANDLE}), migrations=(move("reverted"),)
    ),
    "such a revert after an earlier move": replace(
        AWAY,
        claimed=frozenset({HANDLE}),
        has=frozenset({HANDLE}),
        migrations=(WENT_WELL, move("confirmed", THERE, HERE), move("reverted")),
    ),
    "such a revert, and a move on from there": replace(
        AWAY, migrations=(move("reverted"), move("confirmed", THERE, "somewhere"))
    ),
    "such a revert, and an offload from there": replace(
        OFFLOADED, has=frozenset({OTHER}), migrations=(move("reverted"),)
    ),
    "being offloaded": replace(OFFLOADED, host=HERE, vm_state="active", task_state="shelving_offloading"),
    "in error here": replace(HAS, vm_state="error", claimed=frozenset()),
    "in error elsewhere": replace(AWAY, vm_state="error"),
    "in error and nowhere after a move": replace(HAS, host=None, vm_state="error", migrations=(move("confirmed"),)),
    "not built yet": replace(HAS, host=None, vm_state="building"),
    "suspended here, where the host has another name now": replace(
        HAS,
        host=THERE,
        vm_state="suspended",
        has=frozenset({HANDLE}),
        migrations=(move("confirmed", "somewhere", THERE),),
    ),
    "resized on this host and not confirmed": replace(
        HAS, vm_state="resized", claimed=frozenset({OTHER}), migrations=(move("finished", HERE, HERE),)
    ),
}


@pytest.mark.parametrize("facts", GONE.values(), ids=GONE)
def test_it_is_done_with_what_it_had_here(facts):
    assert why_gone(HERE, HANDLE, facts, in_a_domain=False)


@pytest.mark.parametrize("facts", KEPT.values(), ids=KEPT)
def test_it_keeps_what_it_has_here(facts):
    assert why_gone(HERE, HANDLE, facts, in_a_domain=False) is None


@pytest.mark.parametrize("facts", [*GONE.values(), *KEPT.values()])
def test_what_a_domain_has_is_never_released(facts):
    assert why_gone(HERE, HANDLE, facts, in_a_domain=True) is None


HOSTS = st.sampled_from([HERE, THERE, None])
FACTS = st.builds(
    ServerFacts,
    deleted=st.just(False),
    host=HOSTS,
    vm_state=st.sampled_from(["active", "stopped", "error", "resized", "building", "shelved_offloaded", "a new one"]),
    task_state=st.sampled_from([None, "resize_prep", "a new one"]),
    claimed=st.frozensets(st.sampled_from([HANDLE, OTHER])),
    migrations=st.lists(
        st.builds(
            MigrationFacts,
            st.sampled_from(["accepted", "finished", "confirmed", "reverted", "error", "failed", "done", "a new one"]),
            HOSTS,
            HOSTS,
        ),
        max_size=3,
    ).map(tuple),
)


@given(FACTS)
def test_what_lives_here_and_is_claimed_is_never_released(facts):
    lives = facts if facts.vm_state != "shelved_offloaded" else replace(facts, vm_state="active")
    held = replace(lives, host=HERE, claimed=facts.claimed | {HANDLE})
    assert why_gone(HERE, HANDLE, held, in_a_domain=False) is None


@given(FACTS)
def test_nothing_is_released_while_a_move_of_this_host_has_not_come_to_its_end(facts):
    unfinished = replace(facts, migrations=(*facts.migrations, move("a new one")))
    assert why_gone(HERE, HANDLE, unfinished, in_a_domain=False) is None


LEFT = {
    "deleted": GONE["deleted"],
    "moved and confirmed": GONE["moved and confirmed"],
    "a revert that was cut": KEPT["a revert that was cut before Nova sent it back here"],
    "offloaded, and cut": GONE["offloaded, and Nova was cut before it took it from its host"],
    "a move that failed late, and a hard reboot": KEPT["a move that failed late"],
    "a move that failed late, in error elsewhere": replace(AWAY, vm_state="error", migrations=(move("error"),)),
    "an evacuation that failed": replace(AWAY, migrations=(move("failed"),)),
    "a move that nothing goes on with any more": KEPT["moving"],
    "in error and nowhere after a move": KEPT["in error and nowhere after a move"],
    "a resize on this host that failed, and a hard reboot": replace(
        HAS, claimed=frozenset({HANDLE, OTHER}), has=frozenset({OTHER}), migrations=(move("error", HERE, HERE),)
    ),
}
NOT_LEFT = {
    "does not know": None,
    "is on this host, and Nova says that it has it": replace(HAS, has=frozenset({HANDLE})),
    "is on this host and in error": KEPT["in error here"],
    "doing something with that server (rebuilding)": KEPT["in the middle of something"],
    "not built yet": KEPT["not built yet"],
    "neither confirmed nor reverted": replace(AWAY, vm_state="resized", migrations=(move("finished"),)),
}


@pytest.mark.parametrize("facts", LEFT.values(), ids=LEFT)
def test_an_operators_word_counts_for_what_a_server_does_not_have(facts):
    assert why_not_left(HERE, HANDLE, facts) is None


@pytest.mark.parametrize(("why", "facts"), NOT_LEFT.items(), ids=NOT_LEFT)
def test_an_operators_word_does_not_count_for_what_a_server_has_or_may_come_back_to(why, facts):
    assert why in why_not_left(HERE, HANDLE, facts)


@pytest.mark.parametrize("status", ["finished", "confirming", "reverting", "a new one"])
def test_an_operators_word_does_not_count_while_the_user_may_still_decide(status):
    undecided = replace(AWAY, vm_state="resized", migrations=(move(status),))
    assert "neither confirmed nor reverted" in why_not_left(HERE, HANDLE, undecided)


@pytest.mark.parametrize("status", ["finished", "confirming", "reverting"])
def test_an_operators_word_counts_once_nova_lets_nobody_decide_any_more_although_the_migration_stays_open(status):
    """As after nova-compute was cut off in the middle of it, or openstack server set --state active."""
    reset = replace(AWAY, migrations=(move(status),))
    assert why_not_left(HERE, HANDLE, reset) is None
    assert why_gone(HERE, HANDLE, reset, in_a_domain=False) is None


@given(FACTS)
def test_an_operators_word_never_counts_for_what_a_server_on_this_host_has(facts):
    lives = facts if facts.vm_state != "shelved_offloaded" else replace(facts, vm_state="active")
    assert why_not_left(HERE, HANDLE, replace(lives, host=HERE, has=frozenset({HANDLE})))


@given(FACTS)
def test_an_operators_word_never_counts_while_nova_does_something_with_the_server(facts):
    assert why_not_left(HERE, HANDLE, replace(facts, task_state="a new one"))
