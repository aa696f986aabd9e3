"""Every verdict has a host made of recordings with a device that gets it, and a near miss that does not."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
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


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Recorded], RecordedHost]:
    """Makes each host once."""
    made: dict[Recorded, RecordedHost] = {}

    def make(host: Recorded) -> RecordedHost:
        if host not in made:
            made[host] = RecordedHost(tmp_path_factory.mktemp("host"), **vars(host))
        return made[host]

    return make


def drivers(sight: Sight, settings: Settings) -> list[Driver]:
    settings = replace(
        settings,
        enabled_drivers=("nvme_ssd_driver", "intel_pmem_driver"),
        nvme_ssd_filters=("vendor_id:1b36",),
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


@pytest.fixture
def candidate(
    recorded: Callable[[Recorded], RecordedHost], tmp_path: Path, settings: Settings
) -> Iterator[Callable[[Sight], Candidate]]:
    """Looks at what a case describes."""
    conf = nova.conf.CONF
    overridden = []

    def find(sight: Sight) -> Candidate:
        host = recorded(sight.host)
        if sight.edit is not None:
            host = host.copied(tmp_path / f"edited-{len(list(tmp_path.iterdir()))}")
            sight.edit(host)
        for name, value in sight.nova.items():
            group, _, option = name.partition(".")
            conf.set_override(option, value, group)
            overridden.append((option, group))
        found = look(host, drivers(sight, settings), Memory({}, entries(sight), others()))
        (one,) = [one for one in found.candidates if one.address == sight.at]
        return one

    yield find
    for option, group in overridden:
        conf.clear_override(option, group)


def test_every_reason_has_a_recorded_device_that_gets_it_and_a_near_miss() -> None:
    assert set(CASES) == set(Reason)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_the_recorded_device_gets_it(reason: Reason, candidate: Callable[[Sight], Candidate]) -> None:
    verdict = candidate(CASES[reason].gets_it).verdict
    assert verdict.reason is reason, verdict.sentence
    assert verdict.eligible is (reason is Reason.ELIGIBLE)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_the_near_miss_does_not(reason: Reason, candidate: Callable[[Sight], Candidate]) -> None:
    verdict = candidate(CASES[reason].near_miss).verdict
    assert verdict.reason is not reason, verdict.sentence


@pytest.mark.parametrize(
    "reason", [one for one in Reason if one is not Reason.ELIGIBLE], ids=lambda reason: reason.name
)
def test_the_reason_is_one_sentence_that_says_what_to_do(
    reason: Reason, candidate: Callable[[Sight], Candidate]
) -> None:
    sentence = candidate(CASES[reason].gets_it).verdict.sentence
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
