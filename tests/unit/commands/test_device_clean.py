"""``device clean`` asks nova-compute for cleaning, and waits for it if wished."""

import io
import threading
import time
from collections.abc import Callable

import pytest

from nova_accel.commands import waiting
from nova_accel.ledger.cleanings import Underway
from nova_accel.ledger.left_behind import Wish
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from tests.unit.commands.conftest import SERVER

USED = HandleId("CUSTOM_SSD", "S4EVUSED")
DIRTY = HandleId("CUSTOM_SSD", "S4DIRTY")
ANOTHER = "6f2b1c1e-0000-4000-8000-00000000000f"


@pytest.fixture
def nova_compute(ledger: Ledger):
    """Acts in the background once an operator has spoken."""
    threads = []

    def start(act: Callable[[], None]) -> None:
        def work() -> None:
            until = time.monotonic() + 30
            while not ledger.operator.changes() and time.monotonic() < until:
                time.sleep(0.01)
            act()

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


@pytest.fixture
def failed(ledger: Ledger) -> None:
    """An SSD that a server released and that could not be cleaned."""
    ledger.release(SERVER, "Nova deleted it")
    ledger.start_cleaning(USED)
    ledger.cleaning_failed(USED, "nvme format ended with status 1")


def test_asking_is_noted_for_nova_compute(run, ledger: Ledger, failed):
    done = run("device", "clean", "S4EVUSED")
    assert (done.status, done.out) == (0, "S4EVUSED: nova-compute was asked; it will be erased and read back\n")
    assert ledger.entries()[USED].asked is not None
    assert ledger.operator.changes() == 1


def test_what_no_server_released_is_only_read(run, ledger: Ledger):
    done = run("device", "clean", "S4DIRTY")
    assert done.out == "S4DIRTY: nova-compute was asked; it will be read, and available if it is empty\n"
    assert not ledger.entries()[DIRTY].may_be_erased


def test_an_operators_word_is_evidence(run, ledger: Ledger):
    done = run("device", "clean", "S4DIRTY", "--erase-foreign-data")
    assert done.out == "S4DIRTY: nova-compute was asked; it will be erased and read back\n"
    assert "an operator said" in ledger.entries()[DIRTY].released


@pytest.mark.parametrize(
    ("identity", "why"),
    [("S4EVFREE", "it is available"), ("S4EVUSED", f"it is assigned to server {SERVER}")],
)
def test_there_must_be_something_to_clean(run, ledger: Ledger, identity, why):
    done = run("device", "clean", identity, "--erase-foreign-data")
    assert done.status == 1
    assert done.err == f"{identity}: {why}, so there is nothing to clean\n"
    assert ledger.operator.changes() == 0


def test_what_is_not_there_cannot_be_cleaned(run, ledger: Ledger):
    done = run("device", "clean", "S4GONE", "--erase-foreign-data", "--wait")
    assert done.status == 1
    assert done.err == "S4GONE: it was not there when nova-compute last looked, so it cannot be cleaned\n"
    assert ledger.operator.changes() == 0


def test_what_somebody_else_has_cleaned_is_read_back(run, ledger: Ledger, failed):
    done = run("device", "clean", "S4EVUSED", "--done-by", "the shredder")
    assert (done.status, done.out) == (
        0,
        "S4EVUSED: nova-compute was asked; it will be read back, and available if it is empty\n",
    )
    assert ledger.entries()[USED].done_by == "the shredder"
    assert ledger.operator.changes() == 1


@pytest.mark.parametrize(
    ("identity", "why"),
    [("S4EVFREE", "it is available"), ("S4EVUSED", "it is assigned"), ("S4DIRTY", "it is dirty")],
)
def test_nobody_else_can_have_cleaned_what_no_server_released(run, ledger: Ledger, identity, why):
    done = run("device", "clean", identity, "--done-by", "the shredder")
    assert (done.status, done.out) == (1, "")
    assert done.err == f"{identity}: {why} and does not wait for a cleaner\n"
    assert ledger.operator.changes() == 0


def test_done_by_somebody_and_erased_here_exclude_each_other(run, ledger: Ledger):
    with pytest.raises(SystemExit) as refused:
        run("device", "clean", "S4DIRTY", "--done-by", "the shredder", "--erase-foreign-data")
    assert refused.value.code == 2
    assert ledger.operator.changes() == 0


def test_what_a_server_left_behind_is_asked_for_in_its_name(run, ledger: Ledger):
    done = run("device", "clean", "S4EVUSED", "--left-by", SERVER)
    assert (done.status, done.out) == (
        0,
        "S4EVUSED: nova-compute was asked; it will be released and cleaned if neither Nova nor libvirt says that server "
        f"{SERVER} has it or may come back to it; else nova-accel device show S4EVUSED says why not\n",
    )
    assert ledger.left_behind.wishes() == (Wish(USED, SERVER),)
    assert ledger.operator.changes() == 1
    assert (ledger.entries()[USED].state, ledger.entries()[USED].may_be_erased) == (State.ASSIGNED, False)


@pytest.mark.parametrize(
    ("identity", "server", "why"),
    [
        ("S4EVUSED", ANOTHER, f"it is assigned to server {SERVER}, not assigned to {ANOTHER}"),
        ("S4EVUSED", SERVER[:8], f"it is assigned to server {SERVER}, not assigned to {SERVER[:8]}"),
        ("S4EVFREE", SERVER, f"it is available, not assigned to {SERVER}"),
        ("S4DIRTY", SERVER, f"it is dirty, not assigned to {SERVER}"),
    ],
)
def test_the_server_that_left_it_must_be_the_one_that_has_it(run, ledger: Ledger, identity, server, why):
    done = run("device", "clean", identity, "--left-by", server)
    assert (done.status, done.out) == (1, "")
    assert done.err == f"{identity}: {why}\n"
    assert (ledger.operator.changes(), ledger.left_behind.wishes()) == (0, ())


def test_that_a_server_was_purged_is_handed_on_with_what_it_left(run, ledger: Ledger):
    assert run("device", "clean", "S4EVUSED", "--left-by", SERVER, "--purged").status == 0
    assert ledger.left_behind.wishes() == (Wish(USED, SERVER, purged=True),)


def test_that_a_server_was_purged_wants_its_uuid(run, ledger: Ledger):
    done = run("device", "clean", "S4EVUSED", "--purged")
    assert (done.status, done.err) == (
        1,
        "S4EVUSED: --purged says something about --left-by SERVER, which is missing\n",
    )
    assert ledger.operator.changes() == 0


@pytest.mark.parametrize("more", [("--erase-foreign-data",), ("--done-by", "the shredder")])
def test_left_behind_and_anything_else_exclude_each_other(run, ledger: Ledger, more):
    with pytest.raises(SystemExit) as refused:
        run("device", "clean", "S4EVUSED", "--left-by", SERVER, *more)
    assert refused.value.code == 2
    assert ledger.operator.changes() == 0


def test_waiting_ends_badly_with_what_is_against_it(run, ledger: Ledger, nova_compute):
    nova_compute(lambda: ledger.left_behind.refuse(Wish(USED, SERVER), "not cleaned: it is still there"))
    done = run("device", "clean", "S4EVUSED", "--left-by", SERVER, "--wait")
    assert done.status == 1
    assert done.out.splitlines()[-1] == "S4EVUSED: assigned: not cleaned: it is still there"
    assert run("device", "show", "S4EVUSED", "-f", "json").json["why not available"] == (
        f"server {SERVER} has it; not cleaned: it is still there"
    )


def test_waiting_ends_well_when_what_was_left_behind_became_available(run, ledger: Ledger, nova_compute):
    def clean() -> None:
        ledger.left_behind.grant(Wish(USED, SERVER), "an operator said so")
        ledger.start_cleaning(USED)
        ledger.cleaned(USED, "nvme format")

    nova_compute(clean)
    done = run("device", "clean", "S4EVUSED", "--left-by", SERVER, "--wait")
    assert done.status == 0
    assert "S4EVUSED: available, cleaned" in done.out.splitlines()[-1]


def test_with_one_time_use_waiting_ends_once_it_is_released(run, nova_conf, ledger: Ledger, nova_compute):
    nova_conf.write_text(f"{nova_conf.read_text()}one_time_use = true\n")
    nova_compute(lambda: ledger.left_behind.grant(Wish(USED, SERVER), "an operator said so"))
    done = run("device", "clean", "S4EVUSED", "--left-by", SERVER, "--wait")
    assert done.status == 1
    assert done.out.splitlines()[-1] == "S4EVUSED: dirty: not cleaned yet"


@pytest.mark.parametrize("more", [(), ("--erase-foreign-data",)])
def test_with_one_time_use_nothing_is_erased_on_an_operators_word(run, nova_conf, ledger: Ledger, failed, more):
    nova_conf.write_text(f"{nova_conf.read_text()}one_time_use = true\n")
    done = run("device", "clean", "S4EVUSED", *more)
    assert done.status == 1
    assert done.err == (
        "S4EVUSED: one_time_use is set, so nova-compute erases nothing; "
        "clean it, then say nova-accel device clean S4EVUSED --done-by NAME\n"
    )
    assert ledger.operator.changes() == 0


def test_with_one_time_use_what_no_server_released_can_still_be_read(run, nova_conf, ledger: Ledger):
    nova_conf.write_text(f"{nova_conf.read_text()}one_time_use = true\n")
    assert run("device", "clean", "S4DIRTY").status == 0
    assert ledger.entries()[DIRTY].asked is not None


@pytest.mark.parametrize("more", [(), ("--done-by", "the shredder"), ("--wait",)])
def test_a_quarantined_one_has_to_be_undrained_first(run, ledger: Ledger, failed, more):
    ledger.quarantine(USED, "it did not come back")
    done = run("device", "clean", "S4EVUSED", *more)
    assert done.status == 1
    assert done.err == (
        "S4EVUSED: it is quarantined: it did not come back; "
        "once it works again, or was exchanged, say nova-accel device undrain S4EVUSED first\n"
    )
    assert ledger.operator.changes() == 0


def test_waiting_ends_well_when_it_became_available(run, ledger: Ledger, failed, nova_compute):
    def clean() -> None:
        ledger.start_cleaning(USED)
        ledger.cleaned(USED, "nvme format")

    nova_compute(clean)
    done = run("device", "clean", "S4EVUSED", "--wait")
    assert done.status == 0
    assert "S4EVUSED: available, cleaned" in done.out.splitlines()[-1]


def test_waiting_ends_badly_with_the_reason(run, ledger: Ledger, failed, nova_compute):
    def clean() -> None:
        ledger.start_cleaning(USED)
        ledger.cleaning_failed(USED, "it still holds data")

    nova_compute(clean)
    done = run("device", "clean", "S4EVUSED", "--wait")
    assert done.status == 1
    assert done.out.splitlines()[-1] == "S4EVUSED: clean failed: it still holds data"


def test_waiting_ends_with_the_attempt_that_was_asked_for(run, ledger: Ledger, failed, nova_compute):
    def clean() -> None:
        ledger.start_cleaning(USED)
        ledger.cleaning_failed(USED, "it still holds data; tried again soon", "2026-03-01T12:00:00.000+00:00")

    nova_compute(clean)
    done = run("device", "clean", "S4EVUSED", "--wait")
    assert done.status == 1
    assert done.out.splitlines()[-1] == "S4EVUSED: clean failed: it still holds data; tried again soon"


def test_waiting_ends_when_it_was_read_and_holds_data(run, ledger: Ledger, nova_compute):
    def read() -> None:
        ledger.explain(DIRTY, "it holds data that no server released")
        ledger.operator.heard("S4DIRTY")

    nova_compute(read)
    done = run("device", "clean", "S4DIRTY", "--wait")
    assert done.status == 1
    assert done.out.splitlines()[-1] == "S4DIRTY: dirty: it holds data that no server released"


def test_one_that_a_server_got_at_once_was_cleaned(run, ledger: Ledger, failed, nova_compute):
    def clean() -> None:
        ledger.start_cleaning(USED)
        ledger.cleaned(USED, "nvme format")
        ledger.claim([USED], "another")

    nova_compute(clean)
    done = run("device", "clean", "S4EVUSED", "--wait")
    assert done.status == 0


class Clock:
    """Time that passes only while somebody sleeps; then also what was planned happens."""

    def __init__(self, planned: dict[float, Callable[[], None]]) -> None:
        self.now_s = 0.0
        self._planned = planned

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        for due in [at for at in self._planned if at <= self.now_s]:
            self._planned.pop(due)()


@pytest.fixture
def watch(ledger: Ledger):
    def watch(*, live: bool, planned: dict[float, Callable[[], None]]) -> str:
        out = io.StringIO()
        clock = Clock(planned)
        waiting.wait(ledger, "S4EVUSED", waiting.Progress(out, live=live), clock, clock.sleep)
        return out.getvalue()

    return watch


def test_progress_says_what_is_waited_for_and_how_long(watch, ledger: Ledger, failed):
    ledger.operator.ask_for_cleaning("S4EVUSED", erase_foreign_data=False)
    lines = watch(
        live=False,
        planned={65: lambda: ledger.start_cleaning(USED), 75: lambda: ledger.cleaned(USED, "nvme format")},
    ).splitlines()
    assert lines[0] == "S4EVUSED: waiting for nova-compute to begin (0 s)"
    assert lines[1] == "S4EVUSED: waiting for nova-compute to begin (10 s)"
    assert lines[6] == "S4EVUSED: waiting for nova-compute to begin; is nova-compute running? (60 s)"
    assert lines[7] == "S4EVUSED: being cleaned (70 s)"
    assert len(lines) == 8


def test_progress_says_how_far_it_is(watch, ledger: Ledger, failed):
    def begin() -> None:
        ledger.start_cleaning(USED)
        ledger.cleanings.note(Underway("S4EVUSED", "reading back", 1, 4, "9999-01-01T00:00:00+00:00"))

    ledger.operator.ask_for_cleaning("S4EVUSED", erase_foreign_data=False)
    lines = watch(live=False, planned={5: begin, 15: lambda: ledger.cleaned(USED, "format")}).splitlines()
    assert lines[1] == "S4EVUSED: reading back, 25 % (10 s)"


def test_on_a_terminal_progress_is_one_line(watch, ledger: Ledger, failed):
    ledger.operator.ask_for_cleaning("S4EVUSED", erase_foreign_data=False)
    shown = watch(live=True, planned={1: lambda: ledger.start_cleaning(USED), 2: lambda: ledger.cleaned(USED, "x")})
    assert shown.count("\n") == 1
    assert shown.count("\r") == 4


def test_a_released_one_that_has_its_turn_to_come_is_waited_for(watch, ledger: Ledger):
    ledger.release(SERVER, "Nova deleted it")
    shown = watch(
        live=False, planned={5: lambda: ledger.start_cleaning(USED), 15: lambda: ledger.cleaned(USED, "nvme format")}
    )
    assert shown.splitlines() == ["S4EVUSED: not cleaned yet (0 s)", "S4EVUSED: being cleaned (10 s)"]


def test_one_that_is_put_off_ends_the_waiting(run, ledger: Ledger, nova_compute):
    ledger.release(SERVER, "Nova deleted it")
    nova_compute(lambda: ledger.put_off(USED, "is not touched: it is part of the array /dev/md127"))
    done = run("device", "clean", "S4EVUSED", "--wait")
    assert done.status == 1
    assert done.out.splitlines()[-1] == "S4EVUSED: dirty: is not touched: it is part of the array /dev/md127"


def test_one_that_vanishes_from_the_ledger_ends_the_waiting(ledger: Ledger):
    with pytest.raises(waiting.Vanished, match="the ledger does not know it any more"):
        waiting.wait(ledger, "S4NEVER", waiting.Progress(io.StringIO(), live=False))
