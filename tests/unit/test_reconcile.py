"""A ledger that lacks what Nova gave away learns it again, and only that."""

import pytest

from nova_accel.ledger.states import State
from nova_accel.virt.reconcile import Claims, Moved, Placed
from tests.fakes.host import FakeSsd
from tests.unit.conftest import ssd_handle

ONE, TWO = "0000:01:00.0", "0000:02:00.0"
SERVER, ANOTHER = "6f2b1c1e-0000-4000-8000-000000000001", "6f2b1c1e-0000-4000-8000-000000000002"
A = ssd_handle("SN1")
LEFT_FOR_NOW = Moved(SERVER, frozenset({A}), may_come_back=True)
"""It has moved away, and may be sent back."""
LEFT_BEHIND = Moved(SERVER, frozenset({A}), may_come_back=False)
"""Its move has failed."""


@pytest.fixture
def bench(make_bench):
    return make_bench(FakeSsd(ONE, "SN1"), FakeSsd(TWO, "SN2"))


def reconcile(bench, claims, *placed):
    return bench.service.reconciler.reconcile(Claims(claims), lambda: placed)


def reconcile_moves(bench, *moves, claimants=None):
    by_handle = {A: {SERVER}} if claimants is None else claimants
    return bench.service.reconciler.reconcile(Claims(moved=moves), tuple, lambda: by_handle)


def test_what_nova_gave_to_a_server_is_its_even_if_the_ledger_calls_it_available(bench):
    assert reconcile(bench, {SERVER: {A}})
    assert (bench.entry("SN1").state, bench.entry("SN1").server) == (State.ASSIGNED, SERVER)
    assert bench.state("SN2") == "available"
    assert not reconcile(bench, {SERVER: {A}})


def test_what_another_server_has_stays_that_servers(bench, caplog):
    reconcile(bench, {SERVER: {A}})
    assert not reconcile(bench, {ANOTHER: {A}})
    assert bench.entry("SN1").server == SERVER
    assert f"Nova gave CUSTOM_SSD SN1 to server {ANOTHER}, and the ledger does not" in caplog.text


def test_what_is_released_is_not_given_back_to_its_server(bench):
    bench.service.ledger.claim([A], SERVER)
    bench.service.ledger.release(SERVER, "Nova deleted it")
    assert not reconcile(bench, {SERVER: {A}})
    assert bench.state("SN1") == "dirty"


def test_what_is_not_in_this_host_is_told_once(bench, caplog):
    for _ in range(3):
        assert not reconcile(bench, {SERVER: {ssd_handle("SN9")}})
    assert caplog.text.count("it is not in this host") == 1


def lose_ledger(bench, *, running):
    """The SSD is on vfio-pci, where it shows no serial number, and nobody remembers it."""
    bench.host.hand_over(ONE, "SN1")
    bench.service.ledger.sightings.replace(())
    for entry in list(bench.service.ledger.entries().values()):
        assert entry.state is State.AVAILABLE
    bench.service.inventory.refresh()
    assert bench.service.inventory.candidate(A) is None
    noted = reconcile(bench, {SERVER: {A}}, Placed(SERVER, ONE, "SN1", running=running))
    bench.service.inventory.refresh()
    return noted


def test_what_a_running_guest_has_is_known_again_by_its_xml(bench):
    assert lose_ledger(bench, running=True)
    assert bench.service.inventory.candidate(A).address == ONE
    assert bench.host.ssds[ONE].bound_to == "vfio-pci"


def test_what_a_stopped_guest_has_is_read_by_the_kernel(bench):
    assert lose_ledger(bench, running=False)
    assert bench.service.inventory.candidate(A).address == ONE
    assert (bench.host.ssds[ONE].bound_to, bench.host.ssds[ONE].override) == ("nvme", "nvme")


def test_an_address_that_two_domains_name_is_not_believed(bench):
    bench.host.hand_over(ONE, "SN1")
    bench.service.ledger.sightings.replace(())
    bench.service.inventory.refresh()
    both = [Placed(SERVER, ONE, "SN1", running=True), Placed(ANOTHER, ONE, "SN7", running=False)]
    assert reconcile(bench, {SERVER: {A}}, *both)
    bench.service.inventory.refresh()
    assert bench.service.inventory.candidate(A) is None


def not_known_to_be_clean(bench):
    """As of a ledger that was lost, before anything is read."""
    bench.service.ledger.host_used_it(A, "for this test")


@pytest.mark.parametrize("move", [LEFT_FOR_NOW, LEFT_BEHIND], ids=["resized", "failed"])
def test_what_a_move_left_and_the_ledger_lacks_is_its_servers(bench, caplog, move):
    not_known_to_be_clean(bench)
    assert reconcile_moves(bench, move)
    assert (bench.entry("SN1").state, bench.entry("SN1").server) == (State.ASSIGNED, SERVER)
    assert f"Nova gave CUSTOM_SSD SN1 to server {SERVER}, and the ledger did not know it: noted" in caplog.text
    assert not reconcile_moves(bench, move)
    assert bench.state("SN2") == "available"


def test_what_a_server_may_be_sent_back_to_is_its_even_if_an_older_ledger_calls_it_available(bench):
    assert reconcile_moves(bench, LEFT_FOR_NOW)
    assert bench.entry("SN1").server == SERVER


def test_what_a_move_that_failed_left_and_the_ledger_calls_available_was_cleaned_since(bench):
    assert not reconcile_moves(bench, LEFT_BEHIND)
    assert bench.state("SN1") == "available"


@pytest.mark.parametrize("claimants", [{A: {SERVER, ANOTHER}}, {A: {ANOTHER}}, {}], ids=["two", "another", "none"])
def test_what_a_move_left_is_its_servers_only_if_no_other_claims_it(bench, claimants):
    not_known_to_be_clean(bench)
    assert not reconcile_moves(bench, LEFT_FOR_NOW, claimants=claimants)
    assert bench.entry("SN1").server is None


def test_what_another_server_has_is_not_taken_from_it_for_a_move(bench):
    bench.service.ledger.claim([A], ANOTHER)
    assert not reconcile_moves(bench, LEFT_FOR_NOW)
    assert bench.entry("SN1").server == ANOTHER


def test_what_a_move_has_released_is_not_given_back_to_it(bench):
    bench.service.ledger.claim([A], SERVER)
    bench.service.ledger.release(SERVER, "it lives elsewhere")
    assert not reconcile_moves(bench, LEFT_FOR_NOW)
    assert bench.state("SN1") == "dirty"


def test_nova_is_asked_who_else_claims_it_only_where_something_is_missing(bench):
    def asked():
        raise AssertionError

    bench.service.ledger.claim([A], SERVER)
    assert not bench.service.reconciler.reconcile(Claims(moved=[LEFT_FOR_NOW]), tuple, asked)
