"""A host, a ledger and the service over them, for every unit test that wants one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nova_accel.conf import Settings
from nova_accel.drivers import loading
from nova_accel.model import HandleId
from nova_accel.virt.service import AccelService, NovaSide
from tests.fakes.host import FakeHost, FakeSsd


def ssd_handle(serial: str) -> HandleId:
    return HandleId("CUSTOM_SSD", serial)


@dataclass
class Bench:
    """One host with everything of ours over it, and a Nova that says what the test wants."""

    host: FakeHost
    service: AccelService
    deleted: set[str] = field(default_factory=set)
    guests: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    def state(self, serial: str) -> str:
        return self.service.ledger.entries()[ssd_handle(serial)].state.value

    def reason(self, serial: str) -> str:
        return self.service.ledger.entries()[ssd_handle(serial)].reason


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        enabled_drivers=("inspur_nvme_ssd_driver", "nvme_ssd_driver"),
        nvme_ssd_filters=("vendor_id:*",),
        discovery_interval_s=0,
        ledger_path=str(tmp_path / "state" / "ledger.sqlite"),
    )


@pytest.fixture
def make_bench(tmp_path: Path, settings: Settings) -> Callable[..., Bench]:
    def make(*ssds: FakeSsd, host: FakeHost | None = None) -> Bench:
        deleted: set[str] = set()
        guests: set[str] = set()
        told: list[str] = []
        nova = NovaSide(
            guests=lambda: guests, is_deleted=lambda server: server in deleted, changed=lambda: told.append("changed")
        )
        host = host or FakeHost(tmp_path / "host", list(ssds))
        service = AccelService(settings, loading.load(settings), host, nova)
        service.start(lambda run: run())
        return Bench(host, service, deleted, guests, told)

    return make
