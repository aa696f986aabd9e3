"""``device list`` shows what is offered, what is not, and why."""

import csv
import io

import pytest
import yaml

from nova_accel.ledger.cleanings import Underway
from nova_accel.ledger.file import now
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from tests.unit.commands.conftest import SERVER, sighting


@pytest.fixture
def rows(run, ledger):
    listed = run("device", "list", "-f", "json")
    assert listed.status == 0
    return {row["address"] or row["identity"]: row for row in listed.json}


def test_an_available_device_has_nothing_against_it(rows):
    assert rows["0000:01:00.0"] == {
        "identity": "S4EVFREE",
        "class": "CUSTOM_SSD",
        "address": "0000:01:00.0",
        "state": "available",
        "server": None,
        "drained": None,
        "verdict": "eligible",
        "why not available": None,
    }


def test_a_used_device_names_its_server(rows):
    used = rows["0000:02:00.0"]
    assert (used["state"], used["server"]) == ("assigned", SERVER)
    assert used["why not available"] == f"server {SERVER} has it"


def test_one_that_could_not_be_cleaned_for_a_rebuild_says_so(run, ledger: Ledger):
    ledger.wiping_failed(
        HandleId("CUSTOM_SSD", "S4EVUSED"), "could not be cleaned for a rebuild of its server: it hangs"
    )
    [row] = [row for row in run("device", "list", "-f", "json").json if row["identity"] == "S4EVUSED"]
    assert row["state"] == "assigned"
    assert row["why not available"] == (
        f"server {SERVER} has it; could not be cleaned for a rebuild of its server: it hangs"
    )


def test_a_dirty_device_says_why(rows):
    assert rows["0000:03:00.0"]["why not available"] == "dirty: not read yet"


def test_a_device_that_is_not_eligible_is_listed_with_reason_and_sentence(rows):
    host_disk = rows["0000:04:00.0"]
    assert (host_disk["identity"], host_disk["state"], host_disk["verdict"]) == ("S9HOST", "not eligible", "mounted")
    assert host_disk["why not available"] == "the host has it mounted at /srv; unmount it to offer it"


def test_a_device_without_an_identity_is_listed(rows):
    assert rows["0000:05:00.0"]["identity"] is None
    assert rows["0000:05:00.0"]["verdict"] == "no serial"


def test_a_device_that_is_gone_stays_listed_as_missing(rows):
    gone = rows["S4GONE"]
    assert (gone["address"], gone["state"], gone["verdict"]) == (None, "missing", "absent")
    assert gone["why not available"] == "it was not there when nova-compute last looked"


def test_a_drained_device_shows_the_reason(run, ledger: Ledger):
    ledger.operator.drain("S4EVFREE", "fan to be changed")
    [row] = [row for row in run("device", "list", "-f", "json").json if row["identity"] == "S4EVFREE"]
    assert (row["state"], row["drained"]) == ("drained", "fan to be changed")
    assert row["why not available"] == "drained: fan to be changed"


def test_a_used_one_that_is_drained_is_still_its_servers(run, ledger: Ledger):
    ledger.operator.drain("S4EVUSED", "fan to be changed")
    [row] = [row for row in run("device", "list", "-f", "json").json if row["identity"] == "S4EVUSED"]
    assert (row["state"], row["server"]) == ("assigned", SERVER)
    assert row["why not available"] == f"server {SERVER} has it; drained: fan to be changed"


def test_one_that_is_cleaned_now_shows_how_far_it_is(run, ledger: Ledger, cleaning):
    ledger.cleanings.note(Underway(cleaning.identity, "reading", 1, 4, now()))
    [row] = [row for row in run("device", "list", "-f", "json").json if row["identity"] == cleaning.identity]
    assert row["state"] == "cleaning"
    assert row["why not available"].startswith("cleaning: reading, 25 %")


def test_one_that_hangs_is_quarantined(run, ledger: Ledger, cleaning):
    ledger.cleaning_failed(cleaning, "it did not come back")
    ledger.quarantine(cleaning, "it did not come back")
    [row] = [row for row in run("device", "list", "-f", "json").json if row["identity"] == cleaning.identity]
    assert (row["state"], row["drained"]) == ("clean failed", "quarantined: it did not come back")
    assert row["why not available"] == "quarantined: it did not come back"


def test_a_namespace_is_listed_like_an_ssd(run, ledger: Ledger):
    uuid = "f1f2f3f4-0000-4000-8000-000000000001"
    handle = HandleId("CUSTOM_PMEM_NAMESPACE_6GB", uuid)
    ledger.add(handle, "pmem_1", "not read yet")
    ledger.sightings.replace(
        [sighting("namespace0.1", uuid, resource_class=handle.resource_class, driver="intel_pmem_driver")]
    )
    [row] = [row for row in run("device", "list", "-f", "json").json if row["identity"] == uuid]
    assert (row["class"], row["address"]) == ("CUSTOM_PMEM_NAMESPACE_6GB", "namespace0.1")


def test_two_with_one_serial_number_have_a_row_each(run, ledger: Ledger):
    same = "its serial number S4EVFREE is also that of another"
    ledger.sightings.replace(
        [sighting(address, "S4EVFREE", "duplicate serial", same) for address in ("0000:01:00.0", "0000:07:00.0")]
    )
    rows = [row for row in run("device", "list", "-f", "json").json if row["identity"] == "S4EVFREE"]
    assert [row["address"] for row in rows] == ["0000:01:00.0", "0000:07:00.0"]


def test_the_table_leaves_empty_what_is_not_known(run, ledger):
    table = run("device", "list").out
    assert "None" not in table
    assert "S4EVFREE" in table


def test_yaml_holds_what_json_holds(run, ledger):
    assert yaml.safe_load(run("device", "list", "-f", "yaml").out) == run("device", "list", "-f", "json").json


def test_csv_holds_a_line_for_each(run, ledger):
    lines = list(csv.reader(io.StringIO(run("device", "list", "-f", "csv", "-c", "identity", "-c", "state").out)))
    assert lines[0] == ["identity", "state"]
    assert ["S4EVFREE", "available"] in lines
    assert ["S9HOST", "not eligible"] in lines


def test_a_host_on_which_nothing_was_found_has_an_empty_list(run, ledger_path):
    Ledger(str(ledger_path))
    assert run("device", "list", "-f", "json").json == []
