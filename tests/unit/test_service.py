"""One host from first look to clean again, with everything of ours but Nova."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from lxml import etree

from nova_accel.exception import HandleUnavailable, LedgerError, PrivilegedCallError
from nova_accel.provider_tree import names
from tests.fakes.host import FakeHost, FakeSsd
from tests.unit.conftest import DELETED, ssd_handle

ONE, TWO = "0000:01:00.0", "0000:02:00.0"
SERVER, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def ssd(address=ONE, serial="SN1", **more):
    return FakeSsd(address, serial, **more)


def xml_of(bench, *serials, server=SERVER):
    return xml_with(bench, [ssd_handle(serial) for serial in serials], server)


def xml_with(bench, handles, server):
    domain = etree.Element("domain")
    devices = etree.SubElement(domain, "devices")
    for device in bench.service.guests.elements(handles, server):
        devices.append(device[1].to_element())
    return etree.tostring(domain).decode()


def start(bench, *serials, server=SERVER):
    start_with(bench, [ssd_handle(serial) for serial in serials], server)


def start_with(bench, handles, server):
    bench.service.guests.prepare(handles, server, xml_with(bench, handles, server))


def providers(bench, claimed=None):
    return {plan.name: plan for plan in bench.service.providers("node", claimed)}


def classes(bench, claimed=None):
    """The only class of each provider."""
    return [next(iter(plan.classes.values())) for plan in providers(bench, claimed).values()]


def test_an_empty_ssd_is_read_and_then_offered(make_bench):
    bench = make_bench(ssd())
    assert bench.state("SN1") == "available"
    (plan,) = providers(bench).values()
    (part,) = plan.classes.values()
    assert (plan.name, part.total, part.reserved) == ("node_accel_ssd_SN1", 1, 0)
    assert part.resources == {ssd_handle("SN1")}
    assert bench.told == ["changed", "changed"], "once for what was found, once for what became available"


def test_an_ssd_with_data_that_nobody_released_is_neither_offered_nor_erased(make_bench):
    bench = make_bench(ssd(content={8 * 1024 * 1024: b"host data"}))
    assert bench.state("SN1") == "dirty"
    assert "nvme0n1 at byte 8388608 holds data that no server released" in bench.reason("SN1")
    (plan,) = classes(bench)
    assert (plan.reserved, plan.resources) == (1, frozenset())
    assert not [call for call in bench.host.calls if call[0] in ("erase", "hand_over", "bring_back")]


def test_a_disk_of_the_host_is_never_opened_offered_or_touched(make_bench, tmp_path):
    host = FakeHost(tmp_path / "host", [ssd()])
    host.mount(ONE, "/srv/data")
    bench = make_bench(host=host)
    (candidate,) = bench.service.inventory.snapshot.candidates
    assert candidate.verdict.sentence == "the host has it mounted at /srv/data; unmount it to offer it"
    assert providers(bench) == {}
    assert host.calls == [("lspci",), ("ndctl",)] * 2


def test_what_an_exclusive_open_finds_counts_even_if_no_reason_is_seen(make_bench):
    bench = make_bench(ssd(open_elsewhere=True))
    (candidate,) = bench.service.inventory.snapshot.candidates
    assert candidate.verdict.reason.name == "IN_USE"
    assert providers(bench) == {}


def test_two_ssds_with_one_serial_are_both_refused_and_name_each_other(make_bench):
    bench = make_bench(ssd(), ssd(TWO))
    sentences = {c.address: c.verdict.sentence for c in bench.service.inventory.snapshot.candidates}
    assert TWO in sentences[ONE]
    assert ONE in sentences[TWO]
    assert providers(bench) == {}


def test_an_available_ssd_that_the_host_mounts_is_taken_back_and_read_again_before_it_is_offered(make_bench):
    bench = make_bench(ssd())
    bench.host.mount(ONE, "/mnt")
    bench.service.work()
    assert bench.state("SN1") == "dirty"
    assert classes(bench)[0].reserved == 1
    bench.host.ssds[ONE].content[0] = b"left behind"
    bench.host.mount(ONE, "")
    bench.service.work()
    assert bench.state("SN1") == "dirty"


def test_an_available_ssd_that_was_away_is_read_again(make_bench):
    bench = make_bench(ssd())
    bench.host.plug(replace(bench.host.unplug(ONE), content={0: b"somebody else's"}))
    bench.service.work()
    assert bench.state("SN1") == "dirty"


def test_after_a_reboot_of_the_host_what_was_proven_stays_proven(make_bench):
    bench = make_bench(ssd())
    bench.host.reboot_id("8f1c7a6e-0000-4000-8000-000000000002")
    bench.service.work()
    assert bench.state("SN1") == "available"


def test_a_guest_gets_its_ssd_on_vfio_and_the_ledger_knows_first(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    assert bench.host.ssds[ONE].bound_to == "vfio-pci"
    (entry,) = bench.service.ledger.of_server(SERVER)
    assert entry.handle == ssd_handle("SN1")
    (plan,) = classes(bench, claimed={ssd_handle("SN1")})
    assert (plan.reserved, plan.resources) == (0, {ssd_handle("SN1")})


def test_another_server_is_refused_and_nothing_moves(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    calls = list(bench.host.calls)
    with pytest.raises(HandleUnavailable, match=f"assigned to server {SERVER}"):
        start(bench, "SN1", server=OTHER)
    assert bench.host.calls == calls


def test_a_look_while_the_guest_runs_keeps_serial_provider_and_claim(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.service.work()
    (candidate,) = bench.service.inventory.snapshot.candidates
    assert (candidate.identity, candidate.verdict.eligible) == ("SN1", True)
    assert bench.state("SN1") == "assigned"


def test_the_same_server_starts_again_without_another_bind(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    start(bench, "SN1")
    assert len([call for call in bench.host.calls if call[0] == "hand_over"]) == 1


def test_another_ssd_in_the_slot_is_not_attached_in_the_old_ones_name(make_bench):
    bench = make_bench(ssd())
    xml = xml_of(bench, "SN1")
    bench.host.unplug(ONE)
    bench.host.plug(ssd(serial="SN2"))
    with pytest.raises(HandleUnavailable, match=r"another device is at 0000:01:00.0 now"):
        bench.service.guests.prepare([ssd_handle("SN1")], SERVER, xml)
    assert bench.state("SN1") == "available"
    assert bench.host.ssds[ONE].bound_to == "nvme"


def test_an_ssd_swapped_while_its_server_was_stopped_is_not_attached(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    xml = xml_of(bench, "SN1")
    bench.host.unplug(ONE)
    bench.host.plug(ssd(serial="SN2", bound_to="vfio-pci"))
    with pytest.raises(HandleUnavailable, match=r"another device is at 0000:01:00\.0 now"):
        bench.service.guests.prepare([ssd_handle("SN1")], SERVER, xml)


def test_if_one_of_two_cannot_be_bound_both_are_given_back(make_bench):
    bench = make_bench(ssd(), ssd(TWO, "SN2"))
    bench.host.ssds[TWO].open_elsewhere = True
    with pytest.raises(PrivilegedCallError, match="in use by this host"):
        start(bench, "SN1", "SN2")
    assert [bench.state(serial) for serial in ("SN1", "SN2")] == ["available", "available"]
    assert [bench.host.ssds[at].bound_to for at in (ONE, TWO)] == ["nvme", "nvme"]


def test_a_domain_whose_xml_names_another_device_does_not_start(make_bench):
    bench = make_bench(ssd(), ssd(TWO, "SN2"))
    with pytest.raises(HandleUnavailable, match=r"its domain XML names SN2 at 0000:02:00\.0"):
        bench.service.guests.prepare([ssd_handle("SN1")], SERVER, xml_of(bench, "SN2"))
    assert bench.state("SN1") == "available"


def test_a_domain_that_has_our_device_from_somewhere_else_does_not_start(make_bench):
    bench = make_bench(ssd())
    foreign = xml_of(bench, "SN1").replace("ua-accel-", "ua-other-")
    with pytest.raises(HandleUnavailable, match=r"take it out of Nova's own options"):
        bench.service.guests.prepare([], SERVER, foreign)


def test_deleting_erases_verifies_and_makes_available(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.host.ssds[ONE].content = {5: b"secret", 63 * 1024 * 1024: b"more"}
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "available"
    assert bench.host.ssds[ONE].content == {}
    assert (bench.host.ssds[ONE].bound_to, bench.host.ssds[ONE].override) == ("nvme", "")
    start(bench, "SN1", server=OTHER)


@pytest.mark.parametrize(("can_format", "call"), [(True, ("erase",)), (False, ("zero",))])
def test_the_method_follows_from_what_the_controller_says(make_bench, can_format, call):
    bench = make_bench(ssd(can_format=can_format))
    start(bench, "SN1")
    bench.service.release(SERVER, "Nova deleted it")
    assert [one[0] for one in bench.host.calls if one[0] in ("erase", "zero")] == list(call)


def test_an_eraser_that_erases_nothing_ends_reserved_with_the_reason(make_bench):
    bench = make_bench(ssd(erases=False))
    start(bench, "SN1")
    bench.host.ssds[ONE].content = {4096: b"secret"}
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "clean failed"
    assert "format reported success, but nvme0n1 at byte 0 still holds data" in bench.reason("SN1")
    assert bench.host.ssds[ONE].bound_to == "vfio-pci"
    (plan,) = classes(bench, claimed=())
    assert (plan.reserved, plan.resources) == (1, frozenset())
    with pytest.raises(HandleUnavailable, match="it is clean failed"):
        start(bench, "SN1", server=OTHER)


def test_a_cleaning_that_failed_is_tried_again_after_the_next_start(make_bench):
    bench = make_bench(ssd(erases=False))
    start(bench, "SN1")
    bench.host.ssds[ONE].content = {4096: b"secret"}
    bench.service.release(SERVER, "Nova deleted it")
    bench.host.ssds[ONE].erases = True
    bench.service.work()
    assert bench.state("SN1") == "clean failed"
    assert make_bench(host=bench.host).state("SN1") == "available"


def test_another_ssd_in_the_slot_is_not_erased_in_the_old_ones_name(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.host.unplug(ONE)
    bench.host.plug(ssd(serial="SN2", bound_to="vfio-pci", content={0: b"not SN1's"}))
    calls = list(bench.host.calls)
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "dirty"
    assert bench.host.ssds[ONE].content == {0: b"not SN1's"}
    assert bench.host.calls == calls


def test_an_ssd_that_moved_is_cleaned_where_it_is_found_again(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    moved = bench.host.unplug(ONE)
    bench.service.release(SERVER, "Nova deleted it")
    bench.host.plug(replace(moved, address=TWO, bound_to="nvme", content={0: b"secret"}))
    bench.service.work()
    assert bench.state("SN1") == "available"
    assert bench.host.ssds[TWO].content == {}


def test_only_a_deleted_server_without_a_domain_is_released(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.service.work()
    assert bench.state("SN1") == "assigned"
    bench.servers[SERVER] = DELETED
    bench.domains[SERVER] = {ONE}
    bench.service.work()
    assert bench.state("SN1") == "assigned"
    bench.domains.clear()
    bench.service.work()
    assert bench.state("SN1") == "available"
    assert ("erase", ONE, "SN1", "format") in bench.host.calls


def test_a_cleaning_that_was_interrupted_is_begun_again_at_the_next_start(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.host.ssds[ONE].content = {4096: b"secret"}
    bench.service.ledger.release(SERVER, "Nova deleted it")
    bench.service.ledger.start_cleaning(ssd_handle("SN1"))
    assert make_bench(host=bench.host).state("SN1") == "available"
    assert bench.host.ssds[ONE].content == {}


def test_a_handle_that_nova_no_longer_counts_is_reserved_and_not_offered(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    (plan,) = classes(bench, claimed=())
    assert (plan.total, plan.reserved, plan.resources) == (1, 1, frozenset())


def test_a_device_that_is_gone_keeps_its_provider_reserved_and_its_claim(make_bench):
    bench = make_bench(ssd())
    bench.host.unplug(ONE)
    bench.service.work()
    assert providers(bench, claimed=()) == {}, "what becomes of it is for apply to say"
    (plan,) = classes(bench, claimed={ssd_handle("SN1")})
    assert (plan.reserved, plan.resources) == (0, {ssd_handle("SN1")})


def test_a_look_that_fails_keeps_what_was_known(make_bench, monkeypatch):
    bench = make_bench(ssd())

    def fail():
        raise PrivilegedCallError("lspci", "was not done after 30 s and was killed")

    monkeypatch.setattr(bench.host, "lspci", fail)
    bench.service.work()
    assert classes(bench)[0].reserved == 0


def test_without_a_ledger_nothing_is_given_away(make_bench):
    bench = make_bench(ssd())
    xml = xml_of(bench, "SN1")
    Path(bench.service.ledger.path).write_bytes(b"garbage" * 1000)
    with pytest.raises(LedgerError):
        bench.service.guests.prepare([ssd_handle("SN1")], SERVER, xml)
    assert bench.host.ssds[ONE].bound_to == "nvme"


def test_hostile_lspci_output_costs_that_line_only(make_bench, tmp_path, caplog):
    host = FakeHost(tmp_path / "host", [ssd()])
    host.extra_lspci = "\x1b[2J\x00garbage\n"
    bench = make_bench(host=host)
    assert bench.state("SN1") == "available"
    assert len([record for record in caplog.records if "cannot be read" in record.message]) == 1


def test_provider_names_fit_placement_whatever_the_serial():
    assert names.provider("node", names.suffix("ssd", "SN1")) == "node_accel_ssd_SN1"
    long = names.provider("n" * 190, names.suffix("ssd", "SN1"))
    assert len(long) == 200
    assert long != names.provider("n" * 190, names.suffix("ssd", "SN2"))
    assert names.suffix("ssd", "SN 1") != names.suffix("ssd", "SN_1")


@pytest.mark.parametrize("word", ["(efault)", "(null)"])
def test_what_the_kernel_prints_before_it_knows_an_ssd_is_no_serial_number(make_bench, word):
    bench = make_bench(ssd(), ssd(TWO, "SN2"))
    start(bench, "SN1")
    bench.host.bring_back(ONE)
    known = {handle.identity for handle in bench.service.ledger.entries()}
    for address in (ONE, TWO):
        (serial,) = (bench.host.roots.sys / "bus/pci/devices" / address / "nvme").glob("*/serial")
        serial.write_text(word + "\n")
    bench.service.work()
    assert {handle.identity for handle in bench.service.ledger.entries()} == known
    assert bench.service.inventory.candidate(ssd_handle("SN1")).address == ONE
    assert (bench.state("SN1"), bench.state("SN2")) == ("assigned", "available")
    serial.write_text("SN2\n")
    bench.service.work()
    assert bench.state("SN2") == "available"


def test_what_placement_could_not_be_told_it_is_told_in_the_next_round(make_bench):
    bench = make_bench(ssd())

    def refuse(_):
        raise RuntimeError("the database is away")

    bench.told = SimpleNamespace(append=refuse)
    start(bench, "SN1")
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "available"
    heard = []
    bench.told = SimpleNamespace(append=heard.append)
    bench.service.work()
    bench.service.work()
    assert heard == ["changed"]


def test_a_nova_compute_that_nova_is_about_to_refuse_releases_and_erases_nothing(make_bench):
    """As after a change of the host's name, which Nova notices only when our first round has begun."""
    bench = make_bench(ssd(), ssd(TWO, "SN2"))
    start(bench, "SN1")
    start(bench, "SN2", server=OTHER)
    secret = {4096: b"secret"}
    bench.host.ssds[ONE].content, bench.host.ssds[TWO].content = dict(secret), dict(secret)
    bench.service.ledger.release(OTHER, "Nova deleted it")
    again = make_bench(host=bench.host, begun=False)
    again.servers[SERVER] = DELETED
    again.domains[SERVER], again.stopped = {ONE}, {SERVER}
    again.service.ledger.left_behind.ask("SN1", SERVER)
    again.service.work()
    assert (again.state("SN1"), again.state("SN2")) == ("assigned", "dirty")
    assert [again.host.ssds[at].content for at in (ONE, TWO)] == [secret, secret]
    assert again.domains == {SERVER: {ONE}}


def test_what_was_to_be_released_and_cleaned_before_is_once_nova_has_asked_for_its_first_plan(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.host.ssds[ONE].content = {4096: b"secret"}
    again = make_bench(host=bench.host, begun=False)
    again.servers[SERVER] = DELETED
    again.service.work()
    assert not again.service._is_time()
    providers(again)
    assert again.service._is_time(), "else it would wait for the next round"
    again.service.work()
    assert (again.state("SN1"), again.host.ssds[ONE].content) == ("available", {})
    assert not again.service._is_time()


def rounds_within(bench, monkeypatch, seconds):
    """Of each round that the thread begins within that time: whether it looks at the host."""
    rounds, passed = [], []

    def wait(pause_s):
        passed.append(pause_s)
        return sum(passed) > seconds

    monkeypatch.setattr(bench.service._stop, "wait", wait)
    monkeypatch.setattr(bench.service, "work", lambda *, look: rounds.append(look))
    bench.service.keep_working()
    return rounds


@pytest.mark.parametrize(
    ("interval_s", "looks"), [(0, [False] * 5), (150, [False, False, True, False, False, True]), (60, [True] * 5)]
)
def test_the_interval_says_only_when_the_host_is_looked_at(make_bench, monkeypatch, settings, interval_s, looks):
    bench = make_bench(ssd(), options=replace(settings, discovery_interval_s=interval_s))
    assert rounds_within(bench, monkeypatch, 300) == looks


def test_a_short_interval_makes_as_many_rounds(make_bench, monkeypatch, settings):
    bench = make_bench(ssd(), options=replace(settings, discovery_interval_s=1))
    assert rounds_within(bench, monkeypatch, 5) == [True] * 5


def test_a_round_without_a_look_releases_and_cleans(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.servers[SERVER] = DELETED
    bench.service.work(look=False)
    assert bench.state("SN1") == "available"
    looks = bench.host.calls.count(("lspci",))
    bench.service.work(look=False)
    assert bench.host.calls.count(("lspci",)) == looks


def test_nothing_ends_the_rounds(make_bench, monkeypatch, caplog):
    bench = make_bench(ssd())

    def fail():
        raise RuntimeError("something that nobody thought of")

    monkeypatch.setattr(bench.service._guard, "check", fail)
    bench.service.work()
    assert "a round failed" in caplog.text
    monkeypatch.undo()
    start(bench, "SN1")
    bench.servers[SERVER] = DELETED
    bench.service.work()
    assert bench.state("SN1") == "available"


def cannot_be_cleaned(make_bench):
    """A bench whose only SSD a server has released, and cleaning it has failed."""
    bench = make_bench(ssd(erases=False))
    start(bench, "SN1")
    bench.host.ssds[ONE].content = {4096: b"secret"}
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "clean failed"
    bench.host.ssds[ONE].erases = True
    return bench


def test_what_cannot_be_told_apart_when_its_cleaning_is_due_is_cleaned_once_it_can(make_bench, monkeypatch):
    bench = cannot_be_cleaned(make_bench)
    monkeypatch.setattr(bench.service.releaser._cleaner, "_clock", lambda: datetime.now(UTC) + timedelta(hours=1))
    assert bench.service._is_time()
    bench.host.plug(ssd(TWO))
    bench.service.work()
    assert bench.reason("SN1") == "is not in this host, or not where it was; cleaned once it is found again"
    assert not bench.service._is_time(), "nothing can be done before the next look finds it"
    bench.host.unplug(TWO)
    bench.service.work()
    assert (bench.state("SN1"), bench.host.ssds[ONE].content) == ("available", {})


def test_an_operator_who_wants_cleaned_what_cannot_be_told_apart_gets_an_answer(make_bench):
    bench = cannot_be_cleaned(make_bench)
    bench.host.plug(ssd(TWO))
    bench.service.ledger.operator.ask_for_cleaning("SN1", erase_foreign_data=False)
    bench.service.work()
    assert (bench.state("SN1"), bench.entry("SN1").asked) == ("clean failed", None)
    assert "cleaned once it is found again" in bench.reason("SN1")
    bench.host.unplug(TWO)
    bench.service.work()
    assert bench.state("SN1") == "available"


def test_an_operator_who_wants_read_what_is_not_eligible_gets_an_answer(make_bench):
    bench = make_bench(ssd(content={8192: b"host data"}))
    bench.host.mount(ONE, "/srv")
    bench.service.ledger.operator.ask_for_cleaning("SN1", erase_foreign_data=False)
    bench.service.work()
    assert (bench.state("SN1"), bench.entry("SN1").asked) == ("dirty", None)
    assert bench.reason("SN1") == "could not be read: the host has it mounted at /srv; unmount it to offer it"
    assert not bench.service._is_time()


def test_what_the_host_uses_is_not_touched_although_an_operator_said_that_it_may_be_erased(make_bench):
    """Before anything else root's side would have udev forget the mounted disk."""
    bench = make_bench(ssd(content={8192: b"host data"}))
    bench.host.mount(ONE, "/srv")
    bench.service.ledger.operator.ask_for_cleaning("SN1", erase_foreign_data=True)
    bench.service.work()
    assert (bench.state("SN1"), bench.entry("SN1").asked) == ("dirty", None)
    why = "is not touched: the host has it mounted at /srv; unmount it to offer it; cleaned once that is over"
    assert bench.reason("SN1") == why
    assert not [call for call in bench.host.calls if call[0] in ("erase", "hand_over", "bring_back", "zero")]
    assert not bench.service._is_time()
    bench.host.mount(ONE, "")
    bench.service.work()
    assert (bench.state("SN1"), bench.host.ssds[ONE].content) == ("available", {})


def test_what_a_server_released_is_not_touched_while_the_host_uses_it(make_bench):
    bench = cannot_be_cleaned(make_bench)
    bench.host.bring_back(ONE)
    bench.host.settle(ONE)
    bench.host.mount(ONE, "/srv")
    calls = [call for call in bench.host.calls if call[0] in ("erase", "bring_back")]
    again = make_bench(host=bench.host)
    assert "is not touched: the host has it mounted at /srv" in again.reason("SN1")
    assert [call for call in bench.host.calls if call[0] in ("erase", "bring_back")] == calls


def test_an_ssd_that_fell_ill_in_its_guest_is_not_offered_once_it_is_clean(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    bench.host.ssds[ONE].smart = {"critical_warning": 4}
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "available"
    (plan,) = classes(bench)
    assert (plan.reserved, plan.resources) == (1, frozenset())
