"""The ledger: exclusive, durable, and only legal transitions."""

import multiprocessing
import os
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nova_accel.exception import HandleRefused, HandleUnavailable, LedgerError
from nova_accel.ledger.states import _AFTER, Event, IllegalTransition, State, after
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId

A, B = HandleId("CUSTOM_SSD", "A"), HandleId("CUSTOM_SSD", "B")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(str(tmp_path / "ledger.sqlite"))
    for handle in (A, B):
        ledger.add(handle, f"ssd_{handle.identity}", "new")
        ledger.found_zero(handle)
    return ledger


def test_a_handle_is_given_to_one_server_only(ledger):
    assert ledger.claim([A], "one") == (A,)
    with pytest.raises(HandleUnavailable, match="A cannot be given to server two: it is assigned to server one"):
        ledger.claim([A], "two")


def test_the_same_server_may_claim_again_and_learns_that_it_had_it(ledger):
    ledger.claim([A], "one")
    assert ledger.claim([A, B], "one") == (B,)


def test_a_claim_is_all_or_nothing(ledger):
    ledger.claim([B], "one")
    with pytest.raises(HandleUnavailable):
        ledger.claim([A, B], "two")
    assert ledger.entries()[A].state is State.AVAILABLE


def test_what_was_never_offered_cannot_be_claimed(ledger):
    with pytest.raises(HandleUnavailable, match="this host has never offered it"):
        ledger.claim([HandleId("CUSTOM_SSD", "C")], "one")


def test_a_released_handle_is_nobodys_until_it_was_cleaned(ledger):
    ledger.claim([A], "one")
    assert ledger.release("one", "deleted") == (A,)
    for server in ("one", "two"):
        with pytest.raises(HandleUnavailable, match="it is dirty"):
            ledger.claim([A], server)
    ledger.start_cleaning(A)
    with pytest.raises(HandleUnavailable, match="it is cleaning"):
        ledger.claim([A], "two")
    ledger.cleaned(A, "format")
    assert ledger.claim([A], "two") == (A,)


def test_what_nobody_released_must_not_be_erased(ledger):
    ledger.host_used_it(A, "mounted")
    with pytest.raises(HandleRefused, match="A: nobody released it"):
        ledger.start_cleaning(A)


def test_a_handle_is_not_adopted_as_one_of_another_resource_class(ledger):
    before = ledger.entries()
    with pytest.raises(HandleRefused, match="this host has it as CUSTOM_SSD"):
        ledger.adopt(HandleId("CUSTOM_SSD_FAST", A.identity), "ssd_A", "one")
    assert ledger.entries() == before


def test_a_handle_that_is_known_is_not_added_again(ledger):
    ledger.claim([A], "one")
    ledger.add(A, "ssd_A", "new")
    assert ledger.entries()[A].server == "one"


def test_many_servers_at_once_get_each_handle_once(ledger):
    def attempt(number):
        try:
            return ledger.claim([A if number % 2 else B], f"server-{number}")
        except HandleUnavailable:
            return ()

    with ThreadPoolExecutor(16) as pool:
        won = [handle for handles in pool.map(attempt, range(64)) for handle in handles]
    assert sorted(won) == [A, B]


def _claim_and_die(path: str) -> None:
    Ledger(path).claim([A], "one")
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_claim_survives_the_sudden_end_of_its_process(ledger):
    process = multiprocessing.get_context("spawn").Process(target=_claim_and_die, args=(ledger.path,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert Ledger(ledger.path).entries()[A].server == "one"


def test_a_commit_waits_for_the_disk(ledger):
    with ledger._file.connection() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.write_bytes(b"not a database, but long enough to be taken for one" * 20), "not a database"),
        (
            lambda path: (
                sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.execute("PRAGMA user_version = 7")
            ),
            "another program",
        ),
    ],
)
def test_a_file_that_is_not_ours_is_refused_and_left_alone(tmp_path, make, says):
    path = tmp_path / "ledger.sqlite"
    make(path)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=says):
        Ledger(str(path))
    assert path.read_bytes()[100:] == before[100:]


def test_every_event_and_state_is_in_the_table():
    assert {event for _, event in _AFTER} == set(Event)
    assert {state for state, _ in _AFTER} | set(_AFTER.values()) == set(State)


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_what_is_not_in_the_table_raises(state, event):
    if (state, event) in _AFTER:
        assert after("x", state, event) is _AFTER[state, event]
    else:
        with pytest.raises(IllegalTransition):
            after("x", state, event)


class Handles(RuleBasedStateMachine):
    """Whatever order things come in: one server at most, and nothing available that was used and not cleaned."""

    def __init__(self):
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger(f"{self.folder.name}/ledger.sqlite")
        self.ledger.add(A, "ssd_A", "new")
        self.owner: str | None = None
        self.clean = False

    @rule(server=st.sampled_from(["one", "two"]))
    def claim(self, server):
        try:
            self.ledger.claim([A], server)
        except HandleUnavailable:
            assert not self.clean or self.owner not in (None, server)
        else:
            assert (self.clean and self.owner is None) or self.owner == server
            self.owner, self.clean = server, False

    @rule(server=st.sampled_from(["one", "two"]))
    def release(self, server):
        assert bool(self.ledger.release(server, "deleted")) is (self.owner == server)
        if self.owner == server:
            self.owner = None

    @rule(step=st.sampled_from(["found_zero", "start_cleaning", "cleaned", "cleaning_failed", "host_used_it"]))
    def other(self, step):
        args = ("why",) if step in ("cleaned", "cleaning_failed", "host_used_it") else ()
        try:
            getattr(self.ledger, step)(A, *args)
        except (IllegalTransition, HandleRefused):
            return
        if step in ("found_zero", "cleaned"):
            self.clean = True
        if step == "host_used_it":
            self.clean = False

    @invariant()
    def available_means_clean_and_nobodys(self):
        entry = self.ledger.entries()[A]
        assert (entry.state is State.AVAILABLE) == (self.clean and self.owner is None)
        assert (entry.state is State.ASSIGNED) == (self.owner is not None)

    def teardown(self):
        self.folder.cleanup()


Handles.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestHandles = Handles.TestCase
