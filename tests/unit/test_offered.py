"""What one host offers: SSDs of which all was read and nothing found; no disk of its own, and nothing that it does not know."""

from dataclasses import replace

import pytest

from nova_accel.exception import PrivilegedCallError
from tests.fakes.host import FakeHost
from tests.unit.conftest import ssd_handle
from tests.unit.one_host import ONE, TWO, calls, classes, providers, ssd, start


@pytest.fixture
def bench(make_bench):
    """An SSD that was empty at the first look."""
    return make_bench(ssd())


def test_an_empty_ssd_is_read_and_then_offered(bench):
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
    assert calls(bench, "erase", "hand_over", "bring_back") == []


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


def test_an_available_ssd_that_the_host_mounts_is_taken_back_and_read_again_before_it_is_offered(bench):
    bench.host.mount(ONE, "/mnt")
    bench.service.work()
    assert bench.state("SN1") == "dirty"
    assert classes(bench)[0].reserved == 1
    bench.host.ssds[ONE].content[0] = b"left behind"
    bench.host.mount(ONE, "")
    bench.service.work()
    assert bench.state("SN1") == "dirty"


def test_an_available_ssd_that_was_away_is_read_again(bench):
    bench.host.plug(replace(bench.host.unplug(ONE), content={0: b"somebody else's"}))
    bench.service.work()
    assert bench.state("SN1") == "dirty"


def test_after_a_reboot_of_the_host_what_was_proven_stays_proven(bench):
    bench.host.reboot_id("8f1c7a6e-0000-4000-8000-000000000002")
    bench.service.work()
    assert bench.state("SN1") == "available"


def test_a_handle_that_nova_no_longer_counts_is_reserved_and_not_offered(bench):
    start(bench, "SN1")
    (plan,) = classes(bench, claimed=())
    assert (plan.total, plan.reserved, plan.resources) == (1, 1, frozenset())


def test_a_device_that_is_gone_keeps_its_provider_reserved_and_its_claim(bench):
    bench.host.unplug(ONE)
    bench.service.work()
    assert providers(bench, claimed=()) == {}, "what becomes of it is for apply to say"
    (plan,) = classes(bench, claimed={ssd_handle("SN1")})
    assert (plan.reserved, plan.resources) == (0, {ssd_handle("SN1")})


def test_a_look_that_fails_keeps_what_was_known(bench, monkeypatch):
    def fail():
        raise PrivilegedCallError("lspci", "was not done after 30 s and was killed")

    monkeypatch.setattr(bench.host, "lspci", fail)
    bench.service.work()
    assert classes(bench)[0].reserved == 0


def test_hostile_lspci_output_costs_that_line_only(make_bench, tmp_path, caplog):
    host = FakeHost(tmp_path / "host", [ssd()])
    host.extra_lspci = "\x1b[2J\x00garbage\n"
    bench = make_bench(host=host)
    assert bench.state("SN1") == "available"
    assert len([record for record in caplog.records if "cannot be read" in record.message]) == 1


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
