"""The stage that needs no QEMU: a host made of recordings, Nova and Placement in this process, Nova's fake libvirt."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import fixtures
import nova.tests.functional  # noqa: F401  importing it is what patches, and has to come before the rest of nova

from demo import domain
from demo.recorded_host import DemoHost
from demo.recordings import NoRecordings, choose, shown
from demo.stage import Api, Device, GuestView, Heard, NotPossible, Refused, Seen
from nova_accel.commands import known
from nova_accel.parsers import ndctl
from tests.functional.base import AccelTestCase

_HOST = "compute1"
_LABEL = "DEMO"
# What the recorded host calls a namespace that is none of ours.
_LEFT_OUT = "not-configured"
_MOST_IN_ONE_GUEST = 2


class _Cloud(AccelTestCase):
    """The functional tests' Nova, with something else to do than a test."""

    work: Callable[[], None]
    domains: Sequence[str] = ()
    """XML of domains that are on the host already, none of Nova's."""

    def runTest(self) -> None:  # noqa: N802  unittest's name
        """Do it while Nova is up."""
        self.work()

    def _get_connection(self, *args: Any, **kwargs: Any) -> Any:
        connection = super()._get_connection(*args, **kwargs)
        for xml in self.domains:
            connection.defineXML(xml)
        return connection


class RecordedStage:
    """See :class:`demo.stage.Stage`."""

    title = "nova_accel on a host made of recordings"
    guest_is_real = False
    start_limit_s = 90.0
    patience_s = 5.0

    def __init__(self, captures: Path | None, drivers: str, heard: Heard) -> None:
        try:
            self._recordings = choose(captures)
        except NoRecordings as error:
            raise NotPossible(str(error)) from error
        self._drivers = [name for name in drivers.split(",") if name]
        self._names, good = _configurable(self._recordings.files["ndctl-list-NRDvi.json"])
        self.labels = (_LABEL,) * min(good, _MOST_IN_ONE_GUEST)
        self.nova = Api("nova", self._ask_nova, heard)
        self.placement = Api("placement", self._ask_placement, heard)

    @property
    def about(self) -> str:
        """What is real here."""
        return (
            f"Tools' outputs and kernel's files as recorded (SSDs: {shown(self._recordings.ssds)}, persistent memory: "
            f"{shown(self._recordings.pmem)}); "
            "Nova's API, scheduler, conductor and compute services and the real Placement in this process; Nova's fake libvirt."
        )

    def facts(self) -> Mapping[str, object]:
        """The recordings."""
        folders = {"ssds": str(self._recordings.ssds), "pmem": str(self._recordings.pmem)}
        return {"stage": "recorded", "recordings": folders, "enabled_drivers": self._drivers}

    def run(self, work: Callable[[], None]) -> None:
        """Have Nova's own test class start and end everything."""
        self._cloud = _Cloud("runTest")
        self._cloud.enabled_drivers = tuple(self._drivers)
        self._cloud.pmem_namespaces = (f"{_LABEL}:{'|'.join(self._names)}",) if self._names else ()
        files = self._recordings.files.items()
        self._cloud.domains = [xml for name, xml in files if name.startswith("virsh-dumpxml-")]
        raised: list[BaseException] = []
        self._cloud.work = _keeping(work, raised)
        result = unittest.TestResult()
        logging.disable(logging.INFO)  # what Nova says as it ends
        with tempfile.TemporaryDirectory(prefix="nova-accel-demo-") as folder:
            self._folder = Path(folder)
            self._cloud.run(result)
        sys.excepthook = sys.__excepthook__  # oslo.log has put its own there
        if raised:
            raise raised[0]
        if not result.wasSuccessful():
            raise RuntimeError("".join(text for _, text in (*result.errors, *result.failures)))

    def start(self) -> None:
        """Make the host and start nova-compute on it."""
        recordings = self._folder / "recordings"
        recordings.mkdir()
        self._recordings.put_into(recordings)
        self.machine = DemoHost(self._folder / "host", recordings)
        self._cloud.machines[_HOST] = self.machine
        # Those domains came after nova-compute's first start, which this is: Nova wants no domain there then.
        check = "nova.compute.manager.ComputeManager._sanity_check_new_host"
        self._cloud.useFixture(fixtures.MonkeyPatch(check, lambda manager: None))
        self._cloud.start_compute(_HOST)
        self._cloud.api.microversion = "latest"

    def devices(self) -> list[Device]:
        """As ``nova-accel device list`` knows them; without a driver there is no ledger."""
        if not (self._cloud.folder / f"{_HOST}.sqlite").exists():
            return []
        return [_device(one) for one in known.everything(self._cloud.ledger(_HOST))]

    def image(self, nonce: str) -> str:
        """Any image: its guest never runs."""
        return str(self._cloud.glance.image1["id"])

    def domain_xml(self, server: str) -> str:
        """From Nova's fake libvirt."""
        return str(self._cloud.domain_xml({"id": server}, _HOST))

    def guest(self, server: str, nonce: str) -> GuestView:
        """Follow the addresses in the domain's XML to the content, and write there in the guest's place."""
        seen = []
        elements = domain.elements(self.domain_xml(server))
        memories = [one for one in elements if one.kind == "PMEM"]
        for one in elements:
            text = f"{nonce}-{memories.index(one)}" if one.kind == "PMEM" else nonce
            seen.append(self._look_and_write(one, str(memories.index(one)) if one.kind == "PMEM" else "", text))
        raw = json.dumps(
            {"guest": None, "why": "Nova's fake libvirt starts none", "behind the addresses": [vars(s) for s in seen]}
        )
        return GuestView(tuple(seen), raw)

    def _look_and_write(self, element: domain.Element, order: str, text: str) -> Seen:
        behind = self.machine.at(element.place)
        before = behind.read(0, len(text)).rstrip(b"\0").decode()
        zero = behind.first_data() is None
        behind.write(0, text.encode())
        size = behind.size_bytes if element.guest_bytes is None else element.guest_bytes
        wrote = behind.read(0, len(text)) == text.encode()
        return Seen(element.kind, order or behind.identity, size, zero, before, wrote)

    def first_data(self, identity: str) -> int | None:
        """Read the file behind the device."""
        found = (one.first_data() for one in self.machine.all_behind() if one.identity == identity)
        return next((at for at in found if at is not None), None)

    def let_time_pass(self) -> None:
        """A look at the host and an audit; nothing else happens by itself here."""
        accel = self._cloud.computes[_HOST].driver._accel
        if accel:
            accel.work()
        self._cloud.audit()
        time.sleep(0.2)

    def _ask_nova(self, method: str, path: str, body: object) -> Any:
        sent = {} if body is None else {"body": json.dumps(body)}
        response = self._cloud.api.api_request(path, method=method, **sent)
        return _answer(response.status_code, response.content, f"{method} {path}")

    def _ask_placement(self, method: str, path: str, body: object) -> Any:
        response = self._cloud.placement.get(path, version="latest")
        return _answer(response.status, response.content, f"{method} {path}")


def _keeping(work: Callable[[], None], raised: list[BaseException]) -> Callable[[], None]:
    """Let nothing through to the test class, which would print it; keep it instead."""

    def kept() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  it is raised again when Nova has ended
            raised.append(error)

    return kept


def _answer(status: int, content: bytes, asked: str) -> Any:
    if status >= 400:
        raise Refused(f"{asked}: {status}: {content[:1000].decode(errors='replace')}")
    return json.loads(content) if content else None


def _configurable(listed: str) -> tuple[list[str], int]:
    """Names that an operator may have written into pmem_namespaces, and how many of them look good."""
    found = [one for one in ndctl.parse(listed).namespaces if one.name and one.name != _LEFT_OUT]
    names = [one.name or "" for one in found]
    good = [one for one in found if names.count(one.name or "") == 1 and one.chardev and one.size_bytes]
    return list(dict.fromkeys(names)), len(good)


def _device(one: known.Known) -> Device:
    sentence = one.sighting.sentence if one.sighting else ""
    return Device(
        one.address or "", one.identity, one.verdict, sentence, one.state, one.server, one.why_not_available()
    )
