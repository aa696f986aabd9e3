"""``device show`` tells everything about one device."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nova_accel.ledger.cleanings import CleaningRecord, Underway
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from tests.unit.commands.conftest import SERVER, sighting


@pytest.fixture
def show(run, ledger):
    def show(word: str) -> dict[str, object]:
        shown = run("device", "show", word, "-f", "json")
        assert shown.status == 0, shown.err
        return shown.json

    return show


def test_it_shows_every_fact_of_the_ledger(show):
    shown = show("S4EVUSED")
    assert shown["identity"] == "S4EVUSED"
    assert shown["provider"] == "ssd_S4EVUSED"
    assert (shown["state"], shown["server"], shown["last server"]) == ("assigned", SERVER, SERVER)
    assert (shown["may be erased"], shown["released"]) == (False, None)
    assert shown["driver"] == "nvme_ssd_driver"
    assert shown["verdict in full"] == "nothing speaks against it"


def test_it_shows_details_as_an_object(show):
    assert show("S4EVFREE")["details"] == {"what": "NVMe SSD", "vendor_id": "1b36"}


def test_it_shows_when_and_how_it_was_last_proven_clean(show, ledger: Ledger, cleaning):
    ledger.cleaned(cleaning, "format, read as a whole, all zero")
    shown = show("S4EVUSED")
    assert shown["last cleaned"].endswith(": format, read as a whole, all zero")
    assert shown["why not available"] is None
    assert shown["now"] is None


RECORD = CleaningRecord(
    identity="S4EVUSED",
    method="format",
    began="2026-03-01T12:00:00.000+00:00",
    ended="2026-03-01T12:09:00.000+00:00",
    verified="read as a whole, all zero",
    result="clean",
    version="0.1.0",
    server=SERVER,
)


def test_it_shows_the_last_attempt_to_clean_it(run, show, ledger: Ledger, cleaning):
    ledger.cleanings.ended(RECORD)
    assert show("S4EVUSED")["last attempt to clean"] == {
        "method": "format",
        "began": RECORD.began,
        "ended": RECORD.ended,
        "verified": "read as a whole, all zero",
        "result": "clean",
        "server": SERVER,
        "nova_accel": "0.1.0",
    }
    assert "result: clean" in run("device", "show", "S4EVUSED").out


def test_an_attempt_that_failed_leaves_out_what_it_did_not_come_to(show, ledger: Ledger, cleaning):
    ledger.cleanings.ended(replace(RECORD, method="", verified="", result="it is in use by process 7 (sh)"))
    assert show("S4EVUSED")["last attempt to clean"].keys() == {"began", "ended", "result", "server", "nova_accel"}


def test_it_shows_how_often_cleaning_failed_and_when_it_is_tried_again(show, ledger: Ledger, cleaning):
    for retry_at in ("2026-03-01T12:01:00.000+00:00", "2026-03-01T12:06:00.000+00:00"):
        ledger.cleaning_failed(cleaning, "nvme format ended with status 1", retry_at)
        ledger.start_cleaning(cleaning)
    ledger.cleaning_failed(cleaning, "nvme format ended with status 1", retry_at)
    shown = show("S4EVUSED")
    assert (shown["attempts failed"], shown["tried again"]) == (3, "2026-03-01T12:06:00.000+00:00")


def test_it_shows_how_far_it_is_and_how_long_it_will_take(show, ledger: Ledger, cleaning):
    began = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    ledger.cleanings.note(Underway("S4EVUSED", "reading", 2**30, 3 * 2**30, began))
    assert show("S4EVUSED")["now"] == "reading, 33 %, about 20 min left"


def test_it_shows_who_says_to_have_cleaned_it(show, ledger: Ledger):
    ledger.release(SERVER, "Nova deleted it")
    ledger.operator.done_by("S4EVUSED", "the shredder")
    assert show("S4EVUSED")["said to be cleaned by"] == "the shredder"


def test_what_is_passed_on_as_it_was_left_is_told_from_what_is_clean(show, ledger: Ledger, cleaning):
    assert show("S4EVFREE")["offered unproven"] is False
    ledger.cleaned(cleaning, "offered again with what is on it", unproven=True)
    shown = show("S4EVUSED")
    assert (shown["state"], shown["offered unproven"]) == ("available", True)


def test_where_it_stands_and_what_the_ledger_says_are_apart(show, ledger: Ledger):
    ledger.operator.drain("S4EVFREE", "fan to be changed")
    shown = show("S4EVFREE")
    assert (shown["state"], shown["state in the ledger"], shown["quarantined"]) == ("drained", "available", False)


def test_a_quarantine_is_told_from_a_drain(show, ledger: Ledger, cleaning):
    ledger.cleaning_failed(cleaning, "it did not come back")
    ledger.quarantine(cleaning, "it did not come back")
    shown = show("S4EVUSED")
    assert (shown["quarantined"], shown["drained"]) == (True, "quarantined: it did not come back")
    assert shown["tried again"] is None


def test_it_shows_the_evidence_of_a_release(show, ledger: Ledger):
    ledger.release(SERVER, "Nova deleted it")
    shown = show("S4EVUSED")
    assert (shown["released"], shown["server"], shown["last server"]) == ("Nova deleted it", None, SERVER)


def test_the_beginning_of_an_identity_is_enough(show):
    assert show("S4EVF")["identity"] == "S4EVFREE"


def test_an_address_is_enough(show):
    assert show("0000:05:00.0")["verdict"] == "no serial"


def test_a_table_has_a_line_for_each_detail(run, ledger):
    table = run("device", "show", "S4EVFREE").out
    assert "vendor_id: 1b36" in table
    assert "None" not in table


def test_details_that_cannot_be_read_cost_only_themselves(show, ledger: Ledger):
    ledger.sightings.replace([sighting("0000:01:00.0", "S4EVFREE", details="{broken")])
    assert show("S4EVFREE")["details"] == {}


def test_an_ambiguous_beginning_names_those_that_begin_so(run, ledger):
    shown = run("device", "show", "S4EV")
    assert shown.status == 1
    assert shown.err == "'S4EV' is the beginning of more than one: S4EVFREE, S4EVUSED\n"


def test_an_unknown_identity_names_near_matches(run, ledger):
    shown = run("device", "show", "S4EVFREF")
    assert shown.status == 1
    assert shown.err.startswith("'S4EVFREF' is no device of this host; did you mean S4EVFREE")


def test_a_part_from_the_middle_is_a_near_match(run, ledger):
    assert "did you mean S4EVUSED?" in run("device", "show", "used").err


def test_what_is_like_nothing_points_to_the_list(run, ledger):
    assert (
        run("device", "show", "zzzzzzzzzz").err
        == "'zzzzzzzzzz' is no device of this host; see nova-accel device list\n"
    )


def test_an_empty_word_means_nothing(run, ledger_path):
    ledger = Ledger(str(ledger_path))
    ledger.add(HandleId("CUSTOM_SSD", "ONLY"), "ssd_ONLY", "new")
    assert run("device", "show", "").status == 1


def test_one_serial_number_at_two_addresses_has_to_be_told_apart(run, show, ledger: Ledger):
    ledger.sightings.replace([sighting(at, "S4EVFREE", "duplicate serial") for at in ("0000:01:00.0", "0000:07:00.0")])
    shown = run("device", "show", "S4EVFREE")
    assert shown.status == 1
    assert "is at 0000:01:00.0 and 0000:07:00.0; name one by its address" in shown.err
    assert show("0000:07:00.0")["identity"] == "S4EVFREE"
