"""Every verdict has a host made of recordings with a device that gets it, and a near miss that does not."""

import contextlib
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import nova.conf
import pytest

from nova_accel.conf import Settings
from nova_accel.discovery.candidate import Candidate
from nova_accel.discovery.look import look
from nova_accel.discovery.memory import Memory, Others
from nova_accel.drivers import loading
from nova_accel.drivers.base import Driver
from nova_accel.drivers.nvme import NvmeSsdDriver
from nova_accel.eligibility.verdict import Reason
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.model import HandleId
from nova_accel.privsep import signatures
from nova_accel.virt import nova_private
from nova_accel.xml import domain
from tests.fakes.recorded import RECORDED, RecordedHost, shapes
from tests.unit.verdict_cases import CASES, Recorded, Sight

DOMAINS = {
    ET.fromstring(text).findtext("uuid", ""): text
    for text in (path.read_text() for path in sorted((RECORDED / "verdicts").glob("virsh-dumpxml-*.xml")))
}
SHAPES = shapes("verdicts")


def drivers(sight: Sight) -> list[Driver]:
    settings = Settings(
        enabled_drivers=("nvme_ssd_driver", "intel_pmem_driver"),
        nvme_ssd_filters=("vendor_id:1b36",),
        discovery_interval_s=0,
        ledger_path="",
        cleaning_record="",
        pmem_namespaces=(f"LAB:{'|'.join(sight.names)}",),
    )
    rivals = [
        type(name, (NvmeSsdDriver,), {"name": name, "specific": name.startswith("specific")}) for name in sight.rivals
    ]
    return [*loading.load(settings), *(rival(settings) for rival in rivals)]


def others() -> Others:
    """What libvirt said in the emulated host, and what Nova's options say."""
    has: dict[str, frozenset[str]] = {}
    for uuid, text in DOMAINS.items():
        has |= {str(address): frozenset({uuid}) for address in domain.pci_addresses(text)}
    return Others(
        has, owner_of_pci=nova_private.pci_device_spec(), owner_of_namespace=nova_private.names_pmem_namespace
    )


def entries(sight: Sight) -> dict[HandleId, Entry]:
    if not sight.given_to_the_domain:
        return {}
    serial = SHAPES[sight.at].identity
    (server,) = others().domains[sight.at]
    handle = HandleId("CUSTOM_SSD", serial)
    return {handle: Entry(handle, f"ssd_{serial}", State.ASSIGNED, server)}


@contextlib.contextmanager
def novas_options(sight: Sight) -> Iterator[None]:
    conf = nova.conf.CONF
    options = [(name.rpartition(".")[2], name.partition(".")[0], value) for name, value in sight.nova.items()]
    for option, group, value in options:
        conf.set_override(option, value, group)
    try:
        yield
    finally:
        for option, group, _ in options:
            conf.clear_override(option, group)


class Sights:
    """Makes each host once, and looks at it once for each sight."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._hosts: dict[Recorded, RecordedHost] = {}
        self._found: dict[int, Candidate] = {}

    def candidate(self, sight: Sight) -> Candidate:
        if id(sight) not in self._found:
            with novas_options(sight):
                found = look(self._host(sight), drivers(sight), Memory({}, entries(sight), others()))
            (self._found[id(sight)],) = [one for one in found.candidates if one.address == sight.at]
        return self._found[id(sight)]

    def _host(self, sight: Sight) -> RecordedHost:
        if sight.host not in self._hosts:
            self._hosts[sight.host] = RecordedHost(self._folder(), **vars(sight.host))
        host = self._hosts[sight.host]
        if sight.edit is None:
            return host
        edited = host.copied(self._folder() / "copied")
        sight.edit(edited)
        return edited


@pytest.fixture(scope="module")
def sights(tmp_path_factory: pytest.TempPathFactory) -> Sights:
    return Sights(lambda: tmp_path_factory.mktemp("host"))


def test_every_reason_has_a_recorded_device_that_gets_it_and_a_near_miss() -> None:
    assert set(CASES) == set(Reason)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_the_recorded_device_gets_it(reason: Reason, sights: Sights) -> None:
    verdict = sights.candidate(CASES[reason].gets_it).verdict
    assert verdict.reason is reason, verdict.sentence
    assert verdict.eligible is (reason is Reason.ELIGIBLE)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_the_near_miss_does_not(reason: Reason, sights: Sights) -> None:
    verdict = sights.candidate(CASES[reason].near_miss).verdict
    assert verdict.reason is not reason, verdict.sentence


@pytest.mark.parametrize(
    "reason", [one for one in Reason if one is not Reason.ELIGIBLE], ids=lambda reason: reason.name
)
def test_the_reason_is_one_sentence_that_says_what_to_do(reason: Reason, sights: Sights) -> None:
    sentence = sights.candidate(CASES[reason].gets_it).verdict.sentence
    assert re.fullmatch(r"[^\n]{40,300}[^.\n]", sentence), sentence
    assert sentence.isprintable()
    assert not re.search(r"\bNone\b|\{|\}|  ", sentence)
    assert any(mark in sentence for mark in ("; ", ": "))


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_an_edit_is_said(reason: Reason) -> None:
    case = CASES[reason]
    assert case.gets_it.edit is None or case.gets_it.says.startswith("edited: ")
    assert case.near_miss != case.gets_it
    assert case.near_miss.says


def wipefs_of(name: str) -> list[str]:
    """What wipefs printed about an SSD and its partition, read by root's side's own parser."""
    shape = next(one for one in SHAPES.values() if one.kind == "ssd" and one.name == name)
    files = (RECORDED / "verdicts" / f"wipefs-{name}{part}.json" for part in ("", "-p1"))
    names = [shape.device.removeprefix("/dev/"), shape.device.removeprefix("/dev/") + "p1"]
    return sorted({one for file in files if file.exists() for one in signatures.parse(file.read_text(), names)})


@pytest.mark.parametrize("name", [one.name for one in SHAPES.values() if one.kind == "ssd" and one.device])
def test_what_root_side_said_of_signatures_is_what_wipefs_printed(name: str) -> None:
    (address,) = [one.address for one in SHAPES.values() if one.kind == "ssd" and one.name == name]
    answered = json.loads((RECORDED / "verdicts/root-side.json").read_text())["signatures"].get(address, [])
    assert answered == wipefs_of(name)
