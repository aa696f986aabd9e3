"""A device that is not well is not offered until it is, and nothing else about it changes."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_accel.discovery.look import look
from nova_accel.discovery.memory import Memory
from nova_accel.drivers import loading
from nova_accel.eligibility.judge import judge
from nova_accel.eligibility.verdict import Reason
from nova_accel.exception import PrivilegedCallError
from tests.fakes.host import FakeHost, FakeSsd
from tests.fakes.pmem import FakeNamespace
from tests.unit.test_judge import GOOD, WELL, health, pmem

AT, SPACE = "0000:01:00.0", "namespace0.0"
BAD = {"critical_warning": 0b100}
BYTES = st.integers(0, 255)


def ssd(**smart):
    return FakeSsd(AT, "SN1", smart=smart)


def offered(bench):
    """Identities that Nova may hand out, and how many handles are reserved."""
    parts = [part for plan in bench.service.providers("node", None) for part in plan.classes.values()]
    return {handle.identity for part in parts for handle in part.resources}, sum(part.reserved for part in parts)


def verdict(bench, address=AT):
    return next(one for one in bench.service.inventory.snapshot.candidates if one.address == address).verdict


@pytest.fixture
def warnings(settings, tmp_path):
    """What a look at one SSD warns of, and the reason that it gets."""

    def look_at(host, wear_limit_percent=100):
        found = look(host, loading.load(settings), Memory({}, {}), wear_limit_percent=wear_limit_percent)
        (candidate,) = [one for one in found.candidates if one.address == AT]
        return [one for one in found.warnings if "pmem_namespaces" not in one], candidate.verdict.reason

    return look_at


@pytest.mark.parametrize(
    ("smart", "reason"),
    [
        ({"critical_warning": 0b100}, "CRITICAL_WARNING"),
        ({"critical_warning": 0b1}, "SPARE_LOW"),
        ({"avail_spare": 9}, "SPARE_LOW"),
        ({"percent_used": 101}, "WORN_OUT"),
    ],
)
def test_an_ssd_that_is_not_well_is_reserved_until_it_is_and_stays_clean(make_bench, smart, reason):
    bench = make_bench(ssd())
    assert offered(bench) == ({"SN1"}, 0)
    bench.host.ssds[AT].smart = smart
    bench.service.work()
    assert verdict(bench).reason.name == reason
    assert offered(bench) == (set(), 1)
    assert bench.state("SN1") == "available"
    calls = len(bench.host.calls)
    bench.host.ssds[AT].smart = {}
    bench.service.work()
    assert offered(bench) == ({"SN1"}, 0)
    assert {call[0] for call in bench.host.calls[calls:]} == {"lspci", "ndctl", "who_uses", "signatures", "smart_logs"}


def test_nova_is_told_when_an_ssd_becomes_unwell_and_when_it_is_well_again(make_bench):
    bench = make_bench(ssd())
    for smart in (BAD, {}):
        told = len(bench.told)
        bench.host.ssds[AT].smart = smart
        bench.service.work()
        assert len(bench.told) == told + 1
        bench.service.work()
        assert len(bench.told) == told + 1


def test_one_that_is_unwell_when_first_seen_is_taken_in_once_it_is_well(make_bench):
    bench = make_bench(ssd(**BAD))
    assert bench.service.ledger.entries() == {}
    bench.host.ssds[AT].smart = {}
    bench.service.work()
    assert offered(bench) == ({"SN1"}, 0)


def test_one_that_is_used_while_it_is_unwell_is_no_longer_taken_for_clean(make_bench):
    bench = make_bench(ssd())
    bench.host.ssds[AT].smart = BAD
    bench.service.work()
    bench.host.ssds[AT].open_elsewhere = True
    bench.service.work()
    assert verdict(bench).reason is Reason.IN_USE
    assert bench.state("SN1") == "dirty"


def test_a_used_ssd_is_not_asked(make_bench):
    bench = make_bench(FakeSsd(AT, "SN1", open_elsewhere=True))
    assert [call for call in bench.host.calls if call[0] == "smart_logs"] == []


def test_a_namespace_with_bad_blocks_is_reserved_until_they_are_gone(make_bench):
    space = FakeNamespace(SPACE, "ns0")
    bench = make_bench(namespaces=[space])
    assert offered(bench) == ({space.uuid}, 0)
    space.bad_blocks = 17
    bench.service.work()
    assert verdict(bench, SPACE).reason is Reason.BAD_BLOCKS
    assert offered(bench) == (set(), 1)
    space.bad_blocks = 0
    bench.service.work()
    assert offered(bench) == ({space.uuid}, 0)
    assert bench.state(space.uuid) == "available"


def test_who_uses_a_namespace_with_bad_blocks_is_seen_all_the_same(make_bench):
    space = FakeNamespace(SPACE, "ns0")
    bench = make_bench(namespaces=[space])
    space.bad_blocks, space.user = 17, "daxio (process 7)"
    bench.service.work()
    assert verdict(bench, SPACE).reason is Reason.IN_USE
    assert bench.state(space.uuid) == "dirty"


@pytest.mark.parametrize("answer", ["", "nvme: odd", "{}", json.dumps({"critical_warning": "none"})])
def test_an_answer_that_cannot_be_read_is_a_warning_that_quotes_it_and_withholds_nothing(
    warnings, tmp_path, monkeypatch, answer
):
    host = FakeHost(tmp_path / "host", [ssd()])
    monkeypatch.setattr(host, "smart_logs", lambda addresses: dict.fromkeys(addresses, answer))
    ([warning], reason) = warnings(host)
    assert reason is Reason.ELIGIBLE
    assert f"the SSD at {AT} did not say how it is" in warning
    assert answer[:5] in warning


def test_an_ssd_that_does_not_answer_is_a_warning_and_is_offered(warnings, tmp_path):
    ([warning], reason) = warnings(FakeHost(tmp_path / "host", [FakeSsd(AT, "SN1", smart=None)]))
    assert reason is Reason.ELIGIBLE
    assert f"the SSD at {AT} did not say how it is" in warning


@pytest.mark.parametrize("smart", [None, {"percent_used": "many"}], ids=["silent", "unreadable"])
def test_what_an_ssd_said_last_counts_while_it_says_nothing(make_bench, smart):
    bench = make_bench(ssd())
    for says, expected in ((smart, ({"SN1"}, 0)), (BAD, (set(), 1)), (smart, (set(), 1)), ({}, ({"SN1"}, 0))):
        bench.host.ssds[AT].smart = says
        bench.service.work()
        assert offered(bench) == expected


def test_what_another_ssd_said_in_the_same_place_does_not_count(make_bench):
    bench = make_bench(ssd(**BAD))
    bench.host.unplug(AT)
    bench.host.plug(FakeSsd(AT, "SN2", smart=None))
    bench.service.work()
    assert offered(bench) == ({"SN2"}, 0)


def test_one_that_does_not_answer_hides_nothing_of_the_others(warnings, tmp_path):
    host = FakeHost(tmp_path / "host", [ssd(**BAD), FakeSsd("0000:02:00.0", "SN2", smart=None)])
    ([warning], reason) = warnings(host)
    assert reason is Reason.CRITICAL_WARNING
    assert "0000:02:00.0" in warning


def test_where_root_side_cannot_ask_it_is_one_warning_for_all(warnings, tmp_path, monkeypatch):
    def missing(_):
        raise PrivilegedCallError("smart_logs", "nvme cannot be started: No such file or directory")

    host = FakeHost(tmp_path / "host", [ssd(), FakeSsd("0000:02:00.0", "SN2")])
    monkeypatch.setattr(host, "smart_logs", missing)
    ([warning], reason) = warnings(host)
    assert reason is Reason.ELIGIBLE
    assert "nvme cannot be started" in warning


@pytest.mark.parametrize(("limit", "reason"), [(49, Reason.WORN_OUT), (50, Reason.ELIGIBLE)])
def test_the_limit_of_wear_is_the_operators(warnings, tmp_path, limit, reason):
    assert warnings(FakeHost(tmp_path / "host", [ssd(percent_used=50)]), limit) == ([], reason)


def sentences() -> Iterator[str]:
    for warning in range(1, 256):
        yield judge(health(critical_warning=warning)).sentence


def test_each_bit_of_the_warning_has_words_of_its_own():
    said = [judge(health(critical_warning=1 << bit)).sentence for bit in range(8)]
    assert len(set(said)) == 8
    for sentence, words in zip(
        said, ["spare", "hot", "unreliable", "read", "backup", "persistent", "0x40", "0x80"], strict=True
    ):
        assert words in sentence


def test_a_warning_of_several_bits_says_all_of_them():
    sentence = judge(health(critical_warning=0b1010)).sentence
    assert "too hot or too cold and its media can only be read" in sentence


def test_cooling_is_the_remedy_only_where_heat_is_the_only_fault():
    assert "look after its cooling" in judge(health(critical_warning=0b010)).sentence
    assert "look after its cooling" not in judge(health(critical_warning=0b110)).sentence


def test_no_sentence_is_longer_than_a_line_of_a_log_may_be():
    assert all(40 < len(sentence) < 500 and sentence.isprintable() for sentence in sentences())


def test_the_worst_that_it_says_comes_first():
    assert judge(health(critical_warning=0b100, spare_percent=0, used_percent=255)).reason is Reason.CRITICAL_WARNING
    assert judge(health(spare_percent=0, used_percent=255)).reason is Reason.SPARE_LOW


def test_no_reason_of_health_makes_a_handle_doubtful():
    assert not any(reason.host_uses_it for reason in Reason if reason.is_about_health)
    assert sum(reason.is_about_health for reason in Reason) == 4


@given(BYTES, BYTES, BYTES, BYTES, BYTES)
def test_an_ssd_is_offered_exactly_if_nothing_it_says_is_beyond_a_limit(warning, spare, least, used, limit):
    says = replace(WELL, critical_warning=warning, spare_percent=spare, least_spare_percent=least, used_percent=used)
    found = judge(replace(GOOD, health=says, wear_limit_percent=limit))
    assert found.eligible is (warning == 0 and spare >= least and used <= limit)
    assert found.eligible or found.reason.is_about_health


def test_an_ssd_that_was_not_asked_is_not_judged_by_its_health():
    assert judge(replace(GOOD, health=None)).eligible


def test_the_number_of_bad_blocks_and_the_namespace_are_named():
    sentence = judge(pmem(bad_blocks=17)).sentence
    assert "17 bad blocks" in sentence
    assert "ndctl clear-errors namespace0.0" in sentence
