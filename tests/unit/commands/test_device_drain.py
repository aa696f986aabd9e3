"""``device drain`` and ``device undrain`` write an operator's wish in the ledger."""

from dataclasses import replace

import pytest

from nova_accel.commands import known
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from tests.unit.commands.conftest import SERVER


@pytest.fixture
def drained(ledger: Ledger):
    return lambda: {
        handle.identity: entry.drained for handle, entry in ledger.entries().items() if entry.drained is not None
    }


def test_draining_notes_the_reason_and_tells_nova_compute(run, ledger: Ledger, drained):
    done = run("device", "drain", "S4EVFREE", "--reason", "fan to be changed")
    assert (done.status, done.out) == (0, "S4EVFREE: drained\n")
    assert drained() == {"S4EVFREE": "fan to be changed"}
    assert ledger.operator.changes() == 1


def test_several_are_drained_at_once_with_a_reason_of_ours(run, drained):
    assert run("device", "drain", "S4EVF", "S4DIRTY").status == 0
    assert drained() == dict.fromkeys(("S4EVFREE", "S4DIRTY"), "an operator wants it out of use")


def test_draining_a_used_one_says_that_its_server_keeps_it(run, drained):
    done = run("device", "drain", "S4EVUSED")
    assert done.out == f"S4EVUSED: drained; server {SERVER} keeps it until it is deleted or moved\n"


def test_draining_again_changes_the_reason(run, drained):
    run("device", "drain", "S4EVFREE", "--reason", "one")
    assert run("device", "drain", "S4EVFREE", "--reason", "two").out == "S4EVFREE: still drained, with the new reason\n"
    assert drained() == {"S4EVFREE": "two"}


def test_none_is_drained_when_one_is_unknown(run, ledger: Ledger, drained):
    done = run("device", "drain", "S4EVFREE", "S4NEVER")
    assert done.status == 1
    assert "'S4NEVER' is no device of this host" in done.err
    assert drained() == {}


def test_what_was_never_offered_cannot_be_drained(run, drained):
    done = run("device", "drain", "S9HOST")
    assert done.status == 1
    assert done.err == (
        "S9HOST was never offered to a guest: the host has it mounted at /srv; unmount it to offer it\n"
    )


def test_an_address_is_no_name_for_what_acts(run, drained):
    assert run("device", "drain", "0000:01:00.0").status == 1
    assert drained() == {}


def test_undraining_takes_it_back(run, ledger: Ledger, drained):
    run("device", "drain", "S4EVFREE", "S4DIRTY")
    done = run("device", "undrain", "S4EVFREE", "S4DIRTY")
    assert done.out == (
        "S4EVFREE: no longer drained\n"
        "S4DIRTY: no longer drained; it is dirty, and not offered before all of it reads as zero: not read yet\n"
    )
    assert drained() == {}


def test_undraining_what_a_server_released_says_that_it_is_cleaned_first(run, ledger: Ledger):
    ledger.release(SERVER, "Nova deleted it")
    run("device", "drain", "S4EVUSED")
    done = run("device", "undrain", "S4EVUSED")
    assert done.out == "S4EVUSED: no longer drained; it is dirty, so cleaning comes first\n"


def test_undraining_what_holds_somebodys_data_says_what_to_do_about_that(run, ledger: Ledger):
    ledger.explain(
        HandleId("CUSTOM_SSD", "S4DIRTY"), "holds data; say: nova-accel device clean S4DIRTY --erase-foreign-data"
    )
    run("device", "drain", "S4DIRTY")
    done = run("device", "undrain", "S4DIRTY")
    assert done.out.endswith("reads as zero: holds data; say: nova-accel device clean S4DIRTY --erase-foreign-data\n")


def test_undraining_what_is_not_drained_says_so(run, ledger):
    done = run("device", "undrain", "S4EVFREE")
    assert (done.status, done.out) == (0, "S4EVFREE: it was not drained\n")


def test_a_reason_that_would_make_a_quarantine_is_refused(run, drained):
    done = run("device", "drain", "S4EVFREE", "--reason", "quarantined: fan to be changed")
    assert (done.status, done.out, drained()) == (1, "", {})
    assert done.err == (
        "'quarantined: fan to be changed' would read as a quarantine, which only nova-compute orders; "
        "say it without 'quarantined: '\n"
    )


QUARANTINE = "quarantined: it did not come back"


@pytest.fixture
def quarantined(ledger: Ledger, cleaning) -> None:
    ledger.cleaning_failed(cleaning, "it did not come back")
    ledger.quarantine(cleaning, "it did not come back")


def test_a_quarantine_is_not_weakened_by_a_reason_of_somebody_else(run, drained, quarantined):
    done = run("device", "drain", "S4EVUSED", "S4EVFREE")
    assert (done.status, drained()) == (0, {"S4EVUSED": QUARANTINE, "S4EVFREE": "an operator wants it out of use"})
    assert done.out.splitlines()[0] == f"S4EVUSED: it is {QUARANTINE}; that keeps it out of use too, and stays"


def test_a_quarantine_that_comes_in_the_middle_of_a_drain_is_not_weakened(run, drained, quarantined, monkeypatch):
    offered = known.offered
    monkeypatch.setattr(known, "offered", lambda ledger, word: replace(offered(ledger, word), drained=None))
    done = run("device", "drain", "S4EVUSED")
    assert drained() == {"S4EVUSED": QUARANTINE}
    assert done.out == f"S4EVUSED: it is {QUARANTINE}; that keeps it out of use too, and stays\n"


def test_undraining_ends_a_quarantine_and_says_what_comes_next(run, drained, quarantined):
    done = run("device", "undrain", "S4EVUSED")
    assert done.out == ("S4EVUSED: no longer quarantined; it is clean failed: nova-accel device clean S4EVUSED\n")
    assert drained() == {}
