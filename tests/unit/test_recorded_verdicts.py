"""The verdicts on everything that was made of SSDs and namespaces in the emulated host, from what it showed of them."""

import json
from dataclasses import replace

import pytest

from nova_accel.discovery.look import look
from nova_accel.discovery.memory import Memory, Others
from nova_accel.drivers import loading
from nova_accel.eligibility.verdict import Reason
from nova_accel.model import PciAddress
from nova_accel.parsers import ndctl
from nova_accel.xml import domain
from tests.fakes.recorded import RECORDED, RecordedHost, shapes
from tests.lab.expected import expected

HOST = ("verdicts", "pmem")
SHAPES = shapes("verdicts")
DOMAINS = ("plain", "plain-disk", "plain-idle")


def others():
    """Which domains libvirt told of, and what they have."""
    found = {}
    for name in DOMAINS:
        xml = (RECORDED / "verdicts" / f"virsh-dumpxml-{name}.xml").read_text()
        found.update({str(address): frozenset({name}) for address in domain.pci_addresses(xml)})
    return Others(found)


@pytest.fixture
def configured(settings):
    names = {"twin" if one.name.startswith("twin") else one.name for one in SHAPES.values() if one.kind == "namespace"}
    return replace(
        settings,
        enabled_drivers=("nvme_ssd_driver", "intel_pmem_driver"),
        nvme_ssd_filters=("vendor_id:1b36",),
        pmem_namespaces=(f"LAB:{'|'.join(sorted(names - {'not-configured'}))}",),
    )


@pytest.fixture
def candidates(tmp_path, configured):
    found = look(RecordedHost(tmp_path, folders=HOST), loading.load(configured), Memory({}, {}, others()))
    assert found.warnings == ()
    return {one.address: one for one in found.candidates}


def test_every_shape_has_its_verdict(candidates):
    reasons = {SHAPES[address].name: one.verdict.reason for address, one in candidates.items() if address in SHAPES}
    assert {(address, candidates[address].verdict.reason) for address in SHAPES} == {
        (address, expected(shape.kind, shape.name, shape.shape)) for address, shape in SHAPES.items()
    }, reasons


def test_beside_them_there_are_only_the_virtual_functions(candidates):
    (carrier,) = (PciAddress.parse(one.address) for one in SHAPES.values() if one.shape == "virtual-functions")
    rest = candidates.keys() - SHAPES.keys()
    assert rest == {str(replace(carrier, function=number)) for number in (1, 2)}
    assert not any(candidates[address].verdict.eligible for address in rest)


def test_each_is_told_by_its_serial_or_by_its_labels_uuid(candidates):
    hidden = {"domain", "no-serial"}  # on vfio-pci it shows no serial
    assert {address: candidates[address].identity for address, one in SHAPES.items() if one.name not in hidden} == {
        address: one.identity for address, one in SHAPES.items() if one.name not in hidden
    }


def test_a_process_whose_root_is_on_an_ssd_knows_it_as_the_hosts_root(tmp_path, configured):
    host = RecordedHost(tmp_path, folders=HOST, mountinfo="proc-self-mountinfo-host-root.txt")
    found = look(host, loading.load(configured), Memory({}, {}, others()))
    (root,) = (one for one in found.candidates if one.verdict.reason is Reason.HOST_ROOT)
    assert SHAPES[root.address].name == "host-root"


def listing(name):
    return {one.name: one for one in ndctl.parse((RECORDED / "pmem" / name).read_text()).namespaces if one.name}


def test_a_disabled_namespace_keeps_its_labels_uuid_and_one_made_again_has_another():
    before = listing("ndctl-list-NRDvi.json")["ns1"]
    disabled = listing("ndctl-list-NRDvi-ns1-disabled.json")["ns1"]
    again = listing("ndctl-list-NRDvi-ns1-again.json")["ns1"]
    assert (disabled.enabled, disabled.label_uuid) == (False, before.label_uuid)
    assert listing("ndctl-list-NRDvi-ns1-enabled.json")["ns1"] == before
    assert "ns1" not in listing("ndctl-list-NRDvi-ns1-destroyed.json")
    assert again.label_uuid not in (None, before.label_uuid)


def test_without_an_iommu_no_ssd_is_offered(tmp_path, settings):
    settings = replace(settings, enabled_drivers=("nvme_ssd_driver",), nvme_ssd_filters=("vendor_id:1b36",))
    found = look(RecordedHost(tmp_path, folders=("no-iommu",)), loading.load(settings), Memory({}, {}))
    assert [(shapes("no-iommu")[one.address].name, one.verdict.reason) for one in found.candidates] == [
        ("free", Reason.NO_IOMMU)
    ]


def test_root_side_answered_without_an_error():
    answers = json.loads((RECORDED / "verdicts/root-side.json").read_text())
    assert [one for call in answers.values() for one in call.values() if "error" in str(one)] == []
