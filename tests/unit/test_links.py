"""A guest's persistent memory is named by what it is: over reboots, with other numbers, and whoever starts the guest."""

import logging
import shutil
from dataclasses import replace

import pytest
from lxml import etree

from nova_accel.discovery.memory import Others
from nova_accel.exception import HandleUnavailable, PrivilegedCallError
from nova_accel.model import HandleId
from nova_accel.virt import other_owners
from nova_accel.xml.memory import NvdimmMemory
from tests.fakes.pmem import FakeNamespace
from tests.unit.conftest import DELETED, LIVING

SERVER, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
LARGE = "CUSTOM_PMEM_NAMESPACE_LARGE"


@pytest.fixture
def bench(make_bench, settings):
    options = replace(settings, pmem_namespaces=("LARGE:one|two|three",))
    return make_bench(
        namespaces=[FakeNamespace("namespace0.0", "one"), FakeNamespace("namespace0.1", "two")], options=options
    )


def uuid_of(bench, name):
    return next(one.uuid for one in bench.host.pmem.namespaces.values() if one.name == name)


def handle(bench, name):
    return HandleId(LARGE, uuid_of(bench, name))


def in_domain(*elements):
    domain = etree.Element("domain")
    etree.SubElement(domain, "devices").extend(one.to_element() for one in elements)
    return etree.tostring(domain).decode()


def xml_of(bench, *names, server=SERVER):
    found = bench.service.guests.elements([handle(bench, name) for name in names], server)
    return in_domain(*(element for _, element in found))


def as_before(bench, name, chardev):
    """XML as it was made when guests were given the dax device's own path."""
    ((_, element),) = bench.service.guests.elements([handle(bench, name)], SERVER)
    return in_domain(replace(element, path=f"/dev/{chardev}"))


def prepare(bench, xml, *names, server=SERVER, running=False):
    bench.service.guests.prepare([handle(bench, name) for name in names], server, xml, running=running)


def start(bench, *names, server=SERVER):
    """As Nova starts a server; returns what libvirt stores."""
    xml = xml_of(bench, *names, server=server)
    prepare(bench, xml, *names, server=server)
    return xml


def leading(bench):
    """Where each path leads, by the namespace's name."""
    names = {one.uuid: one.name for one in bench.host.pmem.namespaces.values()}
    folder = bench.host.pmem.links
    found = list(folder.iterdir()) if folder.is_dir() else []
    return {names.get(link.name, link.name): str(link.readlink()) for link in found}


def linked(bench):
    return [call[1:] for call in bench.host.calls if call[0] == "link_namespace"]


def exchange(bench):
    """Let the kernel number the two the other way round, as after another boot of the host."""
    pmem = bench.host.pmem
    one, two = pmem.destroy("namespace0.0"), pmem.destroy("namespace0.1")
    pmem.create(replace(one, dev="namespace0.1"))
    pmem.create(replace(two, dev="namespace0.0"))


def reboot(bench):
    """The host boots again: /dev is empty, and nova-compute not there yet."""
    shutil.rmtree(bench.host.pmem.links, ignore_errors=True)
    bench.host.reboot_id("8f1c7a6e-0000-4000-8000-000000000002")


def places(xml):
    return other_owners._places(xml)


def test_a_guest_s_xml_names_the_uuid_and_the_path_leads_there_before_it_starts(bench):
    xml = start(bench, "two")
    path = etree.fromstring(xml).findtext("devices/memory/source/path")
    assert path == f"/dev/nova_accel/{uuid_of(bench, 'two')}"
    assert leading(bench) == {"two": "../dax0.1"}


def test_what_no_server_has_has_no_path(bench):
    bench.service.work()
    assert leading(bench) == {}
    assert linked(bench) == []


def test_after_a_reboot_the_path_leads_nowhere_until_the_first_look_and_then_to_the_same_namespace(bench):
    xml = start(bench, "two")
    reboot(bench)
    exchange(bench)
    assert leading(bench) == {}, "whatever starts the guest now finds no file"
    bench.service.work()
    assert leading(bench) == {"two": "../dax0.0"}
    assert linked(bench)[1:] == [("namespace0.0", uuid_of(bench, "two"))]
    assert xml_of(bench, "two") == xml
    prepare(bench, xml, "two")


def test_a_path_that_is_right_costs_root_s_side_nothing(bench):
    start(bench, "one", "two")
    before = len(linked(bench))
    for _ in range(3):
        bench.service.work()
    assert len(linked(bench)) == before


def test_a_number_that_is_given_anew_within_one_boot_takes_the_old_path_away(bench, caplog):
    start(bench, "one")
    gone = bench.host.pmem.destroy("namespace0.0")
    new = bench.host.pmem.create(FakeNamespace("namespace0.0", "the host's own"))
    bench.service.work()
    assert gone.uuid not in leading(bench)
    assert leading(bench) == {"the host's own": "../dax0.0"}
    assert bench.state(gone.uuid) == "assigned"
    assert linked(bench)[-1] == ("namespace0.0", new.uuid)


def test_a_path_to_what_has_no_uuid_goes_without_a_warning(bench, caplog):
    start(bench, "one")
    gone = bench.host.pmem.destroy("namespace0.0")
    bench.host.pmem.create(FakeNamespace("namespace0.0", "three", uuid="00000000-0000-0000-0000-000000000000"))
    with caplog.at_level(logging.WARNING):
        bench.service.work()
        bench.service.work()
    assert gone.uuid not in leading(bench)
    assert "stable path" not in caplog.text


def test_where_nothing_can_be_listed_after_a_reboot_no_path_is_made_to_what_is_another_one_by_now(bench, caplog):
    start(bench, "one")
    reboot(bench)
    exchange(bench)

    def fail():
        raise PrivilegedCallError("ndctl", "it is broken")

    listed, bench.host.ndctl = bench.host.ndctl, fail
    with caplog.at_level(logging.WARNING):
        bench.service.work()
    assert leading(bench) == {}
    assert "the stable path of namespace0.0 is not right" in caplog.text
    bench.host.ndctl = listed
    bench.service.work()
    assert leading(bench) == {"one": "../dax0.1"}


def test_a_domain_that_names_a_path_to_another_namespace_keeps_that_from_being_offered_until_the_path_is_gone(bench):
    xml = start(bench, "one")
    gone = bench.host.pmem.destroy("namespace0.0")
    new = bench.host.pmem.create(FakeNamespace("namespace0.0", "three"))
    # What the domain reaches while the path still leads there.
    bench.others[0] = Others({place: frozenset({SERVER}) for place in places(xml) | {"/dev/dax0.0"}})
    bench.service.work()
    assert verdict(bench, new.uuid) == "other domain"
    bench.others[0] = Others({place: frozenset({SERVER}) for place in places(xml)})
    bench.service.work()
    assert verdict(bench, new.uuid) != "other domain"
    assert gone.uuid not in leading(bench)


def test_a_path_that_cannot_be_made_is_a_warning_once_and_the_guest_does_not_start(bench, caplog):
    xml = start(bench, "one")
    reboot(bench)

    def refuse(dev, uuid):
        raise PrivilegedCallError("link_namespace", "/dev/nova_accel is no folder that can be used")

    bench.host.link_namespace = refuse
    with caplog.at_level(logging.WARNING):
        bench.service.work()
        bench.service.work()
    said = [one.message for one in caplog.records if "the stable path of namespace0.0 is not right" in one.message]
    assert len(said) == 1
    with pytest.raises(PrivilegedCallError, match="is no folder that can be used"):
        prepare(bench, xml, "one")


def test_a_path_that_leads_elsewhere_right_after_it_was_made_stops_the_start_and_gives_the_claim_back(bench):
    def elsewhere(dev, uuid):
        path = bench.host.pmem.link_namespace(dev, uuid)
        link = bench.host.pmem.links / uuid
        link.unlink()
        link.symlink_to("../dax0.1")
        return path

    bench.host.link_namespace = elsewhere
    with pytest.raises(HandleUnavailable, match=r"/dev/nova_accel/\S+ does not lead to /dev/dax0.0"):
        start(bench, "one")
    assert bench.state(uuid_of(bench, "one")) == "available"


@pytest.mark.parametrize("running", [False, True])
def test_xml_from_before_starts_as_long_as_it_names_the_same_device_and_the_log_says_what_to_do(bench, caplog, running):
    start(bench, "two")
    with caplog.at_level(logging.WARNING):
        prepare(bench, as_before(bench, "two", "dax0.1"), "two", running=running)
    assert "is started from XML with /dev/dax0.1" in caplog.text
    assert "a hard reboot makes the XML anew" in caplog.text
    assert leading(bench) == {"two": "../dax0.1"}


def test_xml_from_before_is_refused_when_it_names_another_device_by_now(bench):
    start(bench, "two")
    old = as_before(bench, "two", "dax0.1")
    reboot(bench)
    exchange(bench)
    bench.service.work()
    with pytest.raises(HandleUnavailable, match=r"names \S+ at /dev/dax0.1; a hard reboot makes the XML anew"):
        prepare(bench, old, "two")
    prepare(bench, xml_of(bench, "two"), "two")


@pytest.mark.parametrize("alias", [None, "own"])
def test_xml_with_both_the_path_and_the_device_is_refused(bench, alias):
    start(bench, "two")
    ((_, element),) = bench.service.guests.elements([handle(bench, "two")], SERVER)
    raw = replace(element, path="/dev/dax0.1").to_element()
    if alias is None:
        raw.remove(raw.find("alias"))
    xml = etree.fromstring(in_domain(element))
    xml.find("devices").append(raw)
    with pytest.raises(HandleUnavailable, match=r"/dev/dax0.1"):
        prepare(bench, etree.tostring(xml).decode(), "two")


@pytest.mark.parametrize("named", ["/dev/dax0.1", "/dev/nova_accel/{}"])
def test_what_is_ours_and_in_the_xml_from_somewhere_else_is_refused_by_either_name(bench, named):
    path = named.format(uuid_of(bench, "two"))
    foreign = f"<memory model='nvdimm'><source><path>{path}</path></source></memory>"
    with pytest.raises(HandleUnavailable, match=rf"the domain XML has {path} from somewhere else"):
        bench.service.guests.prepare([], OTHER, f"<domain><devices>{foreign}</devices></domain>")


@pytest.mark.parametrize("named", ["/dev/dax0.1", "/dev/nova_accel/{}"])
def test_what_another_domain_names_is_not_offered_by_either_name(bench, named):
    path = named.format(uuid_of(bench, "two"))
    bench.others[0] = Others({path: frozenset({OTHER})})
    bench.service.work()
    assert verdict(bench, uuid_of(bench, "two")) == "other domain"
    assert verdict(bench, uuid_of(bench, "one")) == "eligible"


def verdict(bench, uuid):
    return next(one.verdict.reason.value for one in bench.service.inventory.snapshot.candidates if one.identity == uuid)


def test_the_domain_of_the_server_that_has_it_is_no_stranger_by_any_name(bench):
    uuid = uuid_of(bench, "two")
    for xml in (start(bench, "two"), as_before(bench, "two", "dax0.1")):
        bench.others[0] = Others({place: frozenset({SERVER}) for place in places(xml)})
        bench.service.work()
        assert verdict(bench, uuid) == "eligible"


def test_a_domain_has_its_namespace_by_the_uuid_wherever_its_path_leads(tmp_path):
    uuid = "0c3e1f1c-9e5b-4a55-9f0c-8b3a6c1d2e4f"
    dangling = NvdimmMemory(f"/dev/nova_accel/{uuid}", 62 * 1024, 16384, uuid)
    assert places(in_domain(dangling)) == {dangling.path}
    before = replace(dangling, path="/dev/dax9.7")
    assert places(in_domain(before)) == {"/dev/dax9.7", dangling.path}
    (tmp_path / uuid).symlink_to("../dax9.8")
    moved = replace(dangling, path=str(tmp_path / uuid))
    assert places(in_domain(moved)) == {moved.path, str(tmp_path.parent / "dax9.8"), dangling.path}


@pytest.mark.parametrize("xml_of_which", [xml_of, lambda bench, name: as_before(bench, name, "dax0.0")])
def test_a_server_whose_domain_has_it_by_any_name_is_not_taken_for_gone(bench, xml_of_which):
    start(bench, "one")
    uuid = uuid_of(bench, "one")
    bench.servers[SERVER] = DELETED
    bench.domains[SERVER] = set(places(xml_of_which(bench, "one")))
    reboot(bench)
    exchange(bench)
    bench.service.work()
    assert bench.state(uuid) == "assigned"
    del bench.domains[SERVER]
    bench.service.work()
    assert bench.state(uuid) == "available"


def test_the_next_server_s_memory_is_not_reached_by_a_domain_that_was_left_behind(bench):
    left = start(bench, "one")
    uuid = uuid_of(bench, "one")
    bench.servers[SERVER] = replace(LIVING, host="elsewhere", task_state=None)
    bench.others[0] = Others({place: frozenset({SERVER}) for place in places(left)})
    bench.service.work()
    bench.service.work()
    assert verdict(bench, uuid) == "other domain", "though its path leads nowhere else and the server lives elsewhere"
    assert handle(bench, "one") not in offered(bench)
    bench.others[0] = Others()
    for _ in range(3):
        bench.service.work()
    assert handle(bench, "one") in offered(bench)


def offered(bench):
    plans = bench.service.providers("node", frozenset())
    return {one for plan in plans for part in plan.classes.values() for one in part.resources}


def test_a_guest_that_runs_is_restarted_in_place_only_if_its_memory_was_not_made_anew_meanwhile(bench):
    xml = start(bench, "one")
    prepare(bench, xml, "one", running=True)
    bench.host.pmem.enable("namespace0.0", enabled=False)
    bench.host.pmem.enable("namespace0.0")
    with pytest.raises(HandleUnavailable, match="was disabled or made anew"):
        prepare(bench, xml, "one", running=True)
