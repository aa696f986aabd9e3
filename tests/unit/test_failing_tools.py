"""A tool that fails costs the news of its sort of device only: what was known stays, and nothing is taken for vanished."""

import pytest
from lxml import etree

from nova_accel.exception import HandleUnavailable, PrivilegedCallError
from nova_accel.ledger.states import State
from nova_accel.model import HandleId
from nova_accel.provider_tree import names
from nova_accel.provider_tree.apply import Leftover
from tests.fakes.host import FakeHost, FakeSsd
from tests.fakes.pmem import FakeNamespace
from tests.unit.conftest import ssd_handle

SSD_AT, SPACE = "0000:01:00.0", "namespace0.0"
SERVER = "11111111-1111-4111-8111-111111111111"
SIX = "CUSTOM_PMEM_NAMESPACE_6GB"
TOOLS = ("lspci", "ndctl")


class Broken:
    """A host some of whose tools fail until :meth:`mend`."""

    def __init__(self, host, monkeypatch):
        self.host = host
        self._patches = monkeypatch

    def break_(self, *tools):
        for tool in tools:
            self._patches.setattr(self.host, tool, self._failing(tool))

    def mend(self):
        self._patches.undo()

    @staticmethod
    def _failing(tool):
        def fail():
            raise PrivilegedCallError(tool, f"{tool} cannot be started: No such file or directory")

        return fail


@pytest.fixture
def broken(tmp_path):
    host = FakeHost(tmp_path / "host", [FakeSsd(SSD_AT, "SN1")], [FakeNamespace(SPACE, "ns0")])
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Broken(host, monkeypatch)


def uuid_of(broken):
    return broken.host.pmem.namespaces[SPACE].uuid


def offered(bench, claimed=None):
    """Identities that Nova may hand out."""
    plans = bench.service.providers("node", claimed)
    return {handle.identity for plan in plans for part in plan.classes.values() for handle in part.resources}


def standing(bench):
    """Total and reserved by provider and class."""
    plans = bench.service.providers("node", ())
    return {
        (plan.name, resource_class): (part.total, part.reserved)
        for plan in plans
        for resource_class, part in plan.classes.items()
    }


def verdicts(bench):
    return {one.address: one.verdict.reason.name for one in bench.service.inventory.snapshot.candidates}


def spaces(bench):
    return [one for one in bench.service.inventory.snapshot.candidates if one.address == SPACE]


def said(caplog, words):
    return [record for record in caplog.records if words in record.message]


def test_without_ndctl_the_ssds_are_offered_and_one_sentence_says_what_is_wrong(broken, make_bench, caplog):
    broken.break_("ndctl")
    bench = make_bench(host=broken.host)
    bench.service.work()
    bench.service.work()
    assert offered(bench) == {"SN1"}
    (record,) = said(caplog, "PMEM namespaces could not be looked at")
    assert record.levelname == "WARNING"
    assert record.message.endswith("so none is offered: ndctl: ndctl cannot be started: No such file or directory")


def test_without_lspci_the_namespaces_are_offered(broken, make_bench, caplog):
    broken.break_("lspci")
    bench = make_bench(host=broken.host)
    assert offered(bench) == {uuid_of(broken)}
    assert len(said(caplog, "NVMe SSDs could not be looked at")) == 1


@pytest.mark.parametrize("text", ["no JSON at all", "[{", '"text"', "7"])
def test_output_that_cannot_be_read_as_a_whole_costs_no_more_than_a_tool_that_is_missing(
    broken, make_bench, monkeypatch, text
):
    monkeypatch.setattr(broken.host, "ndctl", lambda: text)
    assert offered(make_bench(host=broken.host)) == {"SN1"}


def test_what_was_seen_before_is_still_offered_while_its_tool_fails(broken, make_bench, caplog):
    bench = make_bench(host=broken.host)
    before = spaces(bench)
    both = offered(bench)
    broken.break_("ndctl")
    for _ in range(2):
        bench.service.work()
    assert offered(bench) == both == {"SN1", uuid_of(broken)}
    assert spaces(bench) == before
    assert len(said(caplog, "what was known of them stays")) == 1
    assert said(caplog, "is gone") == []


def test_the_other_sort_is_looked_at_while_a_tool_fails(broken, make_bench):
    bench = make_bench(host=broken.host)
    broken.break_("ndctl")
    broken.host.plug(FakeSsd("0000:02:00.0", "SN2"))
    broken.host.mount(SSD_AT, "/mnt")
    bench.service.work()
    assert offered(bench) == {"SN2", uuid_of(broken)}


def test_what_vanished_meanwhile_is_gone_once_the_tool_works_again(broken, make_bench, caplog):
    bench = make_bench(host=broken.host)
    broken.break_("ndctl")
    broken.host.pmem.destroy(SPACE)
    bench.service.work()
    broken.mend()
    bench.service.work()
    assert offered(bench) == {"SN1"}
    assert len(said(caplog, "is gone")) == 1


@pytest.mark.parametrize("tools", [("lspci",), ("ndctl",), TOOLS])
def test_after_a_start_with_a_failing_tool_providers_stay_and_nothing_behind_it_is_offered(broken, make_bench, tools):
    known = standing(make_bench(host=broken.host))
    broken.break_(*tools)
    bench = make_bench(host=broken.host)
    now = standing(bench)
    assert now.keys() == known.keys()
    assert now["node_accel_ssd_SN1", "CUSTOM_SSD"] == (1, int("lspci" in tools))
    assert now[f"node_accel_pmem_{0x1000:016x}", SIX] == (1, int("ndctl" in tools))
    assert set(verdicts(bench).values()) <= {"NOT_CHECKED", "ELIGIBLE"}


def test_traits_of_what_cannot_be_looked_at_stay_as_they_are(broken, make_bench):
    make_bench(host=broken.host)
    broken.break_(*TOOLS)
    bench = make_bench(host=broken.host)
    assert [plan.traits for plan in bench.service.providers("node", ())] == [None, None]


def test_what_is_left_of_a_region_is_not_called_unused(broken, make_bench):
    make_bench(host=broken.host)
    broken.break_("ndctl")
    bench = make_bench(host=broken.host)
    name = f"node_accel_pmem_{0x1000:016x}"
    assert Leftover(names.provider_uuid(name), SIX) not in bench.service.leftovers.unused
    assert name in {plan.name for plan in bench.service.providers("node", ())}


def test_what_was_proven_clean_still_is_when_the_tool_works_again(broken, make_bench):
    make_bench(host=broken.host)
    broken.break_(*TOOLS)
    bench = make_bench(host=broken.host)
    bench.service.work()
    broken.mend()
    bench.service.work()
    assert offered(bench) == {"SN1", uuid_of(broken)}
    assert [bench.state(one) for one in ("SN1", uuid_of(broken))] == ["available", "available"]


def test_what_was_exchanged_while_nobody_could_look_is_read_again(broken, make_bench):
    make_bench(host=broken.host)
    broken.break_(*TOOLS)
    make_bench(host=broken.host)
    broken.host.pmem.enable(SPACE, enabled=False)
    broken.host.pmem.enable(SPACE)
    broken.host.pmem.namespaces[SPACE].content[0] = b"written meanwhile"
    broken.mend()
    bench = make_bench(host=broken.host)
    assert bench.state(uuid_of(broken)) == "dirty"


def guest_xml(bench, handle):
    domain = etree.Element("domain")
    devices = etree.SubElement(domain, "devices")
    devices.extend(element.to_element() for _, element in bench.service.guests.elements([handle], SERVER))
    return etree.tostring(domain).decode()


def test_an_ssd_that_a_guest_has_is_known_by_its_serial_and_can_start_again(broken, make_bench):
    bench = make_bench(host=broken.host)
    bench.service.guests.prepare([ssd_handle("SN1")], SERVER, guest_xml(bench, ssd_handle("SN1")))
    broken.break_("lspci")
    bench = make_bench(host=broken.host)
    bench.service.guests.prepare([ssd_handle("SN1")], SERVER, guest_xml(bench, ssd_handle("SN1")))
    broken.mend()
    bench.service.work()
    (candidate,) = [one for one in bench.service.inventory.snapshot.candidates if one.address == SSD_AT]
    assert (candidate.identity, candidate.verdict.eligible) == ("SN1", True)
    assert bench.entry("SN1").state is State.ASSIGNED


def test_a_domain_cannot_have_from_elsewhere_what_cannot_be_looked_at_now(broken, make_bench):
    bench = make_bench(host=broken.host)
    foreign = guest_xml(bench, ssd_handle("SN1")).replace("ua-accel-", "ua-other-")
    broken.break_("lspci")
    bench = make_bench(host=broken.host)
    with pytest.raises(HandleUnavailable, match="from somewhere else"):
        bench.service.guests.prepare([], SERVER, foreign)


def test_a_namespace_that_a_guest_has_is_known_as_it_was_and_can_start_again(broken, make_bench):
    before = make_bench(host=broken.host)
    handles = [HandleId(SIX, uuid_of(broken))]
    known = before.service.guests.elements(handles, SERVER)
    before.service.ledger.claim(handles, SERVER)
    broken.break_("ndctl")
    after = make_bench(host=broken.host)
    assert [element for _, element in after.service.guests.elements(handles, SERVER)] == [one for _, one in known]


def test_with_a_ledger_that_knows_nothing_a_failing_tool_makes_nothing_unused(broken, make_bench):
    broken.break_("ndctl")
    bench = make_bench(host=broken.host)
    bench.service.leftovers.note("node", frozenset({Leftover("a provider", SIX)}))
    bench.service.work()
    assert bench.service.leftovers.unused == frozenset()
    broken.mend()
    bench.service.work()
    assert bench.service.leftovers.unused == {Leftover("a provider", SIX)}


def test_a_name_that_no_namespace_carries_is_told_once(broken, make_bench, caplog):
    bench = make_bench(host=broken.host)
    bench.service.work()
    (record,) = said(caplog, "pmem_namespaces names")
    assert record.levelname == "WARNING"
    assert "names ns1, ns2, ns3, but no namespace of this host is called so" in record.message


def test_a_name_that_is_lost_later_is_told_then(broken, make_bench, caplog):
    bench = make_bench(host=broken.host)
    broken.host.pmem.destroy(SPACE)
    bench.service.work()
    assert len(said(caplog, "names ns0, ns1, ns2, ns3, but")) == 1


def test_a_disabled_namespace_still_carries_its_name(broken, make_bench, caplog):
    broken.host.pmem.enable(SPACE, enabled=False)
    make_bench(host=broken.host)
    assert said(caplog, "names ns0") == []
