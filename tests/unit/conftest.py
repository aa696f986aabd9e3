"""A host, a ledger and the service over them, for every unit test that wants one."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nova_accel.conf import Settings
from nova_accel.discovery.memory import Others
from nova_accel.drivers import loading
from nova_accel.exception import AccelError
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.model import HandleId
from nova_accel.provider_tree import names
from nova_accel.provider_tree.apply import Leftover
from nova_accel.virt.evidence import ServerFacts
from nova_accel.virt.nova_side import NovaSide
from nova_accel.virt.service import AccelService
from tests.fakes.host import FakeHost, FakeSsd
from tests.fakes.pmem import FakeNamespace

LIVING = ServerFacts(False, "here", "active", "powering-off", frozenset())
DELETED = ServerFacts(True, "here", "deleted", None, frozenset())


def ssd_handle(serial: str) -> HandleId:
    return HandleId("CUSTOM_SSD", serial)


@dataclass
class Bench:
    """One host with everything of ours over it, and a Nova that says what the test wants."""

    host: FakeHost
    service: AccelService = field(init=False)
    servers: dict[str, ServerFacts | None] = field(default_factory=dict)
    """What Nova's database says; servers that are not in it are in the middle of something."""
    domains: dict[str, set[str]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    others: list[Others] = field(default_factory=lambda: [Others()])
    """One element: what libvirt and Nova's options say."""
    claimants: dict[HandleId, set[str]] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    """Servers whose domain does not run."""

    given_back: set[str] = field(default_factory=set)
    """Servers without an allocation, although they have devices."""
    asked: list[Leftover] = field(default_factory=list)
    """What Placement was asked about."""

    def consumers(self, place: Leftover) -> set[str]:
        """Who has an allocation in Placement: servers with what the ledger says, those apart that have none."""
        self.asked.append(place)
        entries = [
            one for one in self.service.ledger.entries().values() if one.handle.resource_class == place.resource_class
        ]
        here = [
            one for one in entries if names.provider_uuid(names.provider("node", one.provider)) == place.provider_uuid
        ]
        return {one.server for one in here if one.state is State.ASSIGNED and one.server is not None} - self.given_back

    def state(self, serial: str) -> str:
        return self.entry(serial).state.value

    def reason(self, serial: str) -> str:
        return self.entry(serial).reason

    def entry(self, identity: str) -> Entry:
        return next(e for handle, e in self.service.ledger.entries().items() if handle.identity == identity)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        enabled_drivers=("inspur_nvme_ssd_driver", "nvme_ssd_driver", "intel_pmem_driver"),
        nvme_ssd_filters=("vendor_id:*",),
        discovery_interval_s=0,
        ledger_path=str(tmp_path / "state" / "ledger.sqlite"),
        cleaning_record="",
        pmem_namespaces=("6GB:ns0|ns1|ns2", "LARGE:ns3"),
    )


@pytest.fixture
def make_bench(tmp_path: Path, settings: Settings) -> Callable[..., Bench]:
    def make(
        *ssds: FakeSsd,
        namespaces: Sequence[FakeNamespace] = (),
        host: FakeHost | None = None,
        options: Settings | None = None,
        begun: bool = True,
    ) -> Bench:
        """Start it; ``begun`` says whether Nova has asked for its providers before the first round."""
        bench = Bench(host or FakeHost(tmp_path / "host", list(ssds), list(namespaces)))
        nova = NovaSide(
            host="here",
            domains=lambda: bench.domains,
            facts=lambda server: bench.servers.get(server, LIVING),
            changed=lambda: bench.told.append("changed"),
            others=lambda: bench.others[0],
            consumers=bench.consumers,
            claimants=lambda: bench.claimants,
            stopped=lambda: bench.stopped,
            undefine=lambda server: bench.domains.pop(server, None),
        )
        bench.service = AccelService(options or settings, loading.load(options or settings), bench.host, nova)
        first_round: list[Callable[[], None]] = []
        bench.service.start(lambda run: first_round.append(run) if run == bench.service.work else run())
        if begun:
            with contextlib.suppress(AccelError):
                bench.service.providers("node", None)
        for run in first_round:
            run()
        return bench

    return make
