"""A host with a nova.conf and a ledger, and the application run in this process over them."""

import contextlib
import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from oslo_config import cfg

from nova_accel.commands.app import NovaAccel
from nova_accel.commands.checks.facts import Facts
from nova_accel.commands.configuration import Configured
from nova_accel.ledger.entry import Sighting
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId
from tests.unit.commands.broken import FAILURE, WARNING, Broken
from tests.unit.commands.checked_host import CheckedHost

NOBODY = 65534
SERVER = "5e0a2c3f-8d57-4f0e-9f5b-1f2b6d3c4a5e"


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user without rights; one who is not root has none to begin with."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """An application adds handlers to the root logger, as is right for a process of its own."""
    root, privsep = logging.getLogger(), logging.getLogger("oslo.privsep")
    handlers, levels = list(root.handlers), (root.level, privsep.level)
    yield
    root.handlers[:] = handlers
    for logger, level in zip((root, privsep), levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def ledger_path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite"


@pytest.fixture
def nova_conf(tmp_path: Path, ledger_path: Path) -> Path:
    path = tmp_path / "nova.conf"
    path.write_text(
        "[DEFAULT]\ncompute_driver = accel.AccelLibvirtDriver\n"
        "[nova_accel]\nenabled_drivers = nvme_ssd_driver,intel_pmem_driver\n"
        "nvme_ssd_filter = vendor_id:1b36\npmem_namespaces = 6GB:ns0|ns1\n"
        f"ledger_path = {ledger_path}\ncleaning_record = {tmp_path}/records/cleaning.jsonl\n"
    )
    return path


@pytest.fixture
def run(nova_conf: Path) -> Callable[..., Ran]:
    def run(*argv: str, facts: Callable[[Configured], Facts] | None = None) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        more = {} if facts is None else {"facts": facts}
        app = NovaAccel(out, err, conf=cfg.ConfigOpts(), **more)
        status = app.run(["--config-file", str(nova_conf), *argv])
        return Ran(status, out.getvalue(), err.getvalue())

    return run


def sighting(address: str, identity: str | None, reason: str = "eligible", sentence: str = "", **more: str) -> Sighting:
    return Sighting(
        address=address,
        incarnation="boot:1",
        identity=identity,
        driver=more.get("driver", "nvme_ssd_driver"),
        reason=reason,
        sentence=sentence or "nothing speaks against it",
        resource_class=more.get("resource_class", "CUSTOM_SSD"),
        details=more.get("details", '{"what": "NVMe SSD", "vendor_id": "1b36"}'),
    )


@pytest.fixture
def ledger(ledger_path: Path) -> Ledger:
    """Four SSDs that were offered, one of them gone meanwhile; one that never was; one without a serial number."""
    ledger = Ledger(str(ledger_path))
    free, used, dirty, gone = (HandleId("CUSTOM_SSD", name) for name in ("S4EVFREE", "S4EVUSED", "S4DIRTY", "S4GONE"))
    for handle in (free, used, dirty, gone):
        ledger.add(handle, f"ssd_{handle.identity}", "not read yet")
    for handle in (free, used, gone):
        ledger.found_zero(handle)
    ledger.claim([used], SERVER)
    ledger.sightings.replace(
        [
            sighting("0000:01:00.0", "S4EVFREE"),
            sighting("0000:02:00.0", "S4EVUSED"),
            sighting("0000:03:00.0", "S4DIRTY"),
            sighting("0000:04:00.0", "S9HOST", "mounted", "the host has it mounted at /srv; unmount it to offer it"),
            sighting("0000:05:00.0", None, "no serial", "it shows no serial number, so it is never offered"),
        ]
    )
    return ledger


@pytest.fixture
def cleaning(ledger: Ledger) -> HandleId:
    """An SSD that a server released and that is being erased."""
    used = HandleId("CUSTOM_SSD", "S4EVUSED")
    ledger.release(SERVER, "Nova deleted it")
    ledger.start_cleaning(used)
    return used


@pytest.fixture
def host(tmp_path: Path, nova_conf: Path, ledger_path: Path) -> CheckedHost:
    ledger = Ledger(str(ledger_path))
    ledger.sightings.replace(
        [
            sighting("0000:01:00.0", "S4EVFREE"),
            sighting("namespace0.0", "uuid-0", driver="intel_pmem_driver", resource_class="CUSTOM_PMEM_NAMESPACE_6GB"),
        ]
    )
    return CheckedHost(tmp_path / "host", nova_conf, ledger_path)


@pytest.fixture
def is_found_alone(run, host: CheckedHost) -> Callable[[Broken], None]:
    """Break one thing of the host, and see that its check is the only one that complains, and says what to do."""

    def is_found_alone(broken: Broken) -> None:
        broken.by(host)
        checked = run("status", "check", "-f", "json", facts=host.facts)
        assert [row["check"] for row in checked.json if row["result"] != "ok"] == [broken.check]
        [row] = [row for row in checked.json if row["check"] == broken.check]
        assert row["result"] == {WARNING: "warning", FAILURE: "failure"}[broken.status]
        assert broken.found in row["found"]
        assert broken.advice in row["what to do"]
        assert checked.status == broken.status

    return is_found_alone
