"""What a server left behind is cleaned on an operator's word, if nothing is against it at that moment."""

import dataclasses

import pytest

from nova_accel.exception import HandleRefused, HandleUnavailable
from nova_accel.ledger.left_behind import Wish
from nova_accel.ledger.store import Ledger
from nova_accel.virt.evidence import MigrationFacts, ServerFacts
from nova_accel.virt.reconcile import Claims, Moved
from tests.unit.conftest import ssd_handle
from tests.unit.one_host import ONE, OTHER, SERVER, ssd, start

A = ssd_handle("SN1")
DATA = {4096: b"the only copy, or not"}
FAILED = ServerFacts(
    deleted=False,
    host="there",
    vm_state="active",
    task_state=None,
    claimed=frozenset({A, ssd_handle("SN9")}),
    migrations=(MigrationFacts("error", "here", "there"),),
    has=frozenset({ssd_handle("SN9")}),
)
"""Its move failed, and it was recovered where it was about to go."""
STILL = Moved(SERVER, frozenset({A}), may_come_back=False)
"""How Nova goes on naming it."""


@pytest.fixture
def bench(make_bench):
    return left_behind(make_bench(ssd()))


def left_behind(bench):
    """A server's guest has written on its SSD; its domain is still there, and does not run."""
    start(bench, "SN1")
    bench.host.ssds[ONE].content = dict(DATA)
    bench.domains[SERVER] = {ONE}
    bench.stopped = {SERVER}
    bench.servers[SERVER] = FAILED
    bench.claimants = {A: {SERVER}}
    bench.service.work()
    assert (bench.state("SN1"), bench.host.ssds[ONE].content) == ("assigned", DATA)
    return bench


def say(bench):
    bench.service.ledger.left_behind.ask("SN1", SERVER)
    bench.service.work()


def test_it_is_released_with_the_word_as_evidence_and_cleaned(bench, caplog):
    say(bench)
    assert (bench.state("SN1"), bench.host.ssds[ONE].content) == ("available", {})
    assert bench.domains == {}
    assert f"CUSTOM_SSD SN1 is released by server {SERVER}: an operator said" in caplog.text
    assert ("erase", ONE, "SN1", "format") in bench.host.calls


def refused(bench, why):
    say(bench)
    assert (bench.state("SN1"), bench.host.ssds[ONE].content) == ("assigned", DATA)
    assert bench.entry("SN1").server == SERVER
    assert bench.entry("SN1").asked is None
    assert bench.reason("SN1").startswith("not cleaned, although an operator asked for it: ")
    assert why in bench.reason("SN1")
    before = bench.entry("SN1")
    bench.service.work()
    assert bench.entry("SN1") == before


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (dataclasses.replace(FAILED, host="here", has=frozenset({A})), "on this host, and Nova says that it has it"),
        (dataclasses.replace(FAILED, task_state="resize_migrating"), "doing something with that server"),
        (
            dataclasses.replace(FAILED, migrations=(MigrationFacts("finished", "here", "there"),), vm_state="resized"),
            "neither confirmed nor reverted",
        ),
        (None, "does not know that server"),
    ],
    ids=["still here", "moving", "may come back", "unknown"],
)
def test_what_nova_says_against_it_is_said_and_nothing_changes(bench, facts, why):
    bench.servers[SERVER] = facts
    refused(bench, why)
    assert bench.domains == {SERVER: {ONE}}


def test_what_a_server_has_that_was_purged_from_novas_database_is_kept_until_an_operator_says_so(bench, caplog):
    bench.servers[SERVER] = None
    bench.claimants.clear()
    bench.domains.clear()
    for _ in range(2):
        bench.service.work()
    assert (bench.state("SN1"), bench.host.ssds[ONE].content) == ("assigned", DATA)
    command = f"nova-accel device clean SN1 --left-by {SERVER} --purged"
    assert [line for line in caplog.messages if "is not in Nova's database" in line and command in line] == [
        line for line in caplog.messages if command in line
    ]
    assert caplog.text.count(command) == 1
    bench.service.ledger.left_behind.ask("SN1", SERVER, purged=True)
    bench.service.work()
    assert (bench.state("SN1"), bench.host.ssds[ONE].content) == ("available", {})


def test_what_was_purged_and_nova_gives_to_another_server_is_that_servers(bench, caplog):
    """The ledger is an older copy: of the first server it should have known that it released it."""
    bench.service.ledger.age.is_up_to_date()
    bench.domains.clear()
    bench.servers[SERVER], bench.claimants[A] = None, {OTHER}
    bench.service.ledger.left_behind.ask("SN1", SERVER, purged=True)
    bench.service.work()
    assert (bench.entry("SN1").server, bench.host.ssds[ONE].content) == (OTHER, DATA)
    assert f"The ledger gives CUSTOM_SSD SN1 to server {SERVER} and Nova to {OTHER}" in caplog.text
    assert "--purged" not in caplog.text
    start(bench, "SN1", server=OTHER)
    assert bench.host.ssds[ONE].content == DATA


def test_what_was_purged_keeps_its_data_from_whoever_else_nova_gives_the_device_to(bench):
    bench.domains.clear()
    bench.servers[SERVER], bench.claimants[A] = None, {OTHER}
    bench.service.work()
    assert (bench.entry("SN1").server, bench.host.ssds[ONE].content) == (SERVER, DATA)


@pytest.mark.parametrize("running", [True, False])
def test_a_server_that_was_purged_and_whose_guest_runs_keeps_what_it_has(bench, running):
    bench.servers[SERVER] = None
    if running:
        bench.stopped.clear()
    bench.service.ledger.left_behind.ask("SN1", SERVER, purged=True)
    bench.service.work()
    assert (bench.state("SN1"), bench.domains) == (("assigned", {SERVER: {ONE}}) if running else ("available", {}))


def test_that_a_server_was_purged_says_nothing_about_one_that_nova_knows(bench):
    bench.servers[SERVER] = dataclasses.replace(FAILED, host="here", has=frozenset({A}))
    bench.service.ledger.left_behind.ask("SN1", SERVER, purged=True)
    bench.service.work()
    assert (bench.state("SN1"), bench.host.ssds[ONE].content) == ("assigned", DATA)
    assert "Nova says that it has it" in bench.reason("SN1")


def test_a_guest_that_still_runs_here_keeps_it(bench):
    bench.stopped.clear()
    refused(bench, f"the domain of server {SERVER} on this host has it")


def test_what_another_domain_has_is_kept_and_no_domain_is_taken_away(bench):
    bench.domains[OTHER] = {ONE}
    refused(bench, f"the domain of server {OTHER} on this host has it")
    assert bench.domains == {SERVER: {ONE}, OTHER: {ONE}}


def test_what_nova_gives_to_another_server_is_kept(bench):
    bench.claimants[A].add(OTHER)
    refused(bench, f"Nova gives it to server {OTHER}")


def test_a_device_that_is_away_is_kept_for_its_server(bench):
    taken = bench.host.unplug(ONE)
    say(bench)
    assert bench.state("SN1") == "assigned"
    assert "it is not in this host" in bench.reason("SN1")
    assert taken.content == DATA


def test_a_server_that_lives_here_on_other_devices_keeps_its_domain(bench):
    in_place = (MigrationFacts("error", "here", "here"),)
    bench.servers[SERVER] = dataclasses.replace(FAILED, host="here", migrations=in_place)
    refused(bench, f"the domain of server {SERVER} on this host has it")
    bench.domains[SERVER] = {"0000:09:00.0"}
    say(bench)
    assert (bench.state("SN1"), bench.host.ssds[ONE].content) == ("available", {})
    assert bench.domains == {SERVER: {"0000:09:00.0"}}


def test_what_cannot_be_asked_now_is_asked_again(bench, monkeypatch):
    def fail():
        raise ConnectionError("libvirt does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(bench.service.operators_word, "_nova", dataclasses.replace(bench.service._nova, domains=fail))
        say(bench)
    assert bench.state("SN1") == "assigned"
    assert bench.entry("SN1").asked is not None
    bench.service.work()
    assert bench.state("SN1") == "available"


@pytest.mark.parametrize(
    ("identity", "server", "why"),
    [
        ("SN1", OTHER, f"it is assigned to server {SERVER}, not assigned to {OTHER}"),
        ("SN1", SERVER[:8], "not assigned to 11111111"),
        ("SN9", SERVER, "does not know it"),
    ],
)
def test_the_server_has_to_be_named_in_full(bench, identity, server, why):
    changes = bench.service.ledger.operator.changes()
    with pytest.raises(HandleRefused, match=why):
        bench.service.ledger.left_behind.ask(identity, server)
    assert bench.service.ledger.operator.changes() == changes
    assert bench.service.ledger.left_behind.wishes() == ()


def test_until_it_is_clean_no_server_starts_with_it_the_one_that_left_it_included(bench):
    bench.host.ssds[ONE].erases = False
    say(bench)
    assert bench.state("SN1") == "clean failed"
    for server in (SERVER, OTHER):
        with pytest.raises(HandleUnavailable, match="it is clean failed"):
            bench.service.ledger.claim([A], server)


def test_the_one_that_left_it_is_refused_once_another_has_it(bench):
    say(bench)
    start(bench, "SN1", server=OTHER)
    with pytest.raises(HandleUnavailable, match=f"assigned to server {OTHER}"):
        start(bench, "SN1")


def test_what_nova_goes_on_saying_of_the_move_that_failed_counts_no_more(bench, caplog):
    say(bench)
    ledger, claimants = bench.service.ledger, bench.service._claimants
    ledger.host_used_it(A, "for this test")
    assert not bench.service.reconciler.reconcile(Claims(moved=[STILL]), tuple, claimants)
    bench.service.work()
    start(bench, "SN1", server=OTHER)
    bench.servers[OTHER] = dataclasses.replace(FAILED, migrations=(MigrationFacts("confirmed", "here", "there"),))
    bench.claimants[A] = {SERVER}
    bench.service.work()
    assert bench.state("SN1") == "available"
    assert "The ledger gives" not in caplog.text


@pytest.mark.parametrize("how", ["claim", "adopt"])
def test_a_server_that_has_it_again_has_not_left_it(bench, how):
    say(bench)
    ledger = bench.service.ledger
    assert ledger.left_behind.released() == {("SN1", SERVER)}
    if how == "claim":
        start(bench, "SN1")
    else:
        ledger.adopt(A, "ssd_SN1", SERVER)
    assert ledger.left_behind.released() == frozenset()
    bench.service.work()
    assert (bench.state("SN1"), ledger.left_behind.wishes()) == ("assigned", ())


def test_an_older_ledger_knows_nothing_of_what_servers_have_left(bench):
    say(bench)
    start(bench, "SN1", server=OTHER)
    bench.service.ledger.left_behind.ask("SN1", OTHER)
    bench.service.ledger.doubt_all("for this test")
    assert bench.service.ledger.left_behind.released() == frozenset()
    assert bench.service.ledger.left_behind.wishes() == ()
    assert bench.entry("SN1").asked is None


def test_what_turns_out_to_be_another_servers_is_no_longer_asked_for(bench):
    bench.service.ledger.left_behind.ask("SN1", SERVER)
    bench.service.ledger.hand_on(A, SERVER, OTHER)
    assert bench.entry("SN1").asked is None
    bench.service.work()
    assert (bench.entry("SN1").server, bench.host.ssds[ONE].content) == (OTHER, DATA)


def test_with_one_time_use_it_is_released_and_waits_for_whoever_cleans_it(make_bench, settings):
    bench = left_behind(make_bench(ssd(), options=dataclasses.replace(settings, one_time_use=True)))
    say(bench)
    assert (bench.state("SN1"), bench.host.ssds[ONE].content) == ("dirty", DATA)
    assert bench.entry("SN1").may_be_erased
    assert "waits for whoever cleans it" in bench.reason("SN1")


def test_a_ledger_of_the_version_before_learns_to_remember_it(bench):
    path = bench.service.ledger.path
    with bench.service.ledger._file.transaction() as connection:
        connection.execute("DROP TABLE left_behind")
        connection.execute("PRAGMA user_version = 3")
    older = Ledger(path)
    assert older.left_behind.wishes() == ()
    assert older.entries()[A].server == SERVER


def test_what_was_asked_for_in_a_ledger_of_the_version_before_still_is(bench):
    ledger = bench.service.ledger
    ledger.left_behind.ask("SN1", SERVER)
    with ledger._file.transaction() as connection:
        connection.execute("ALTER TABLE left_behind DROP COLUMN purged")
        connection.execute("PRAGMA user_version = 4")
    assert Ledger(ledger.path).left_behind.wishes() == (Wish(A, SERVER),)
