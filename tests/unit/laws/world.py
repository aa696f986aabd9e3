"""One compute host with everything of ours on it, and what a person knows about the content of its devices."""

import contextlib
import functools
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from nova_accel.conf import Settings
from nova_accel.discovery.memory import Others
from nova_accel.drivers import loading
from nova_accel.exception import AccelError
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.store import Ledger
from nova_accel.virt.reconcile import Placed
from nova_accel.virt.service import AccelService, NovaSide
from tests.fakes.host import FakeHost, FakeSsd
from tests.fakes.pmem import FakeNamespace
from tests.unit.laws import hardware
from tests.unit.laws.clock import Clock
from tests.unit.laws.hardware import FakeDevice, Killed, TroubledHost, identity_of
from tests.unit.laws.model import HERE, NODE, Domain, Nova, Server

HOST, FOREIGN = "the host", "somebody else"
SSD, PMEM = "CUSTOM_SSD", "CUSTOM_PMEM_NAMESPACE_6GB"
HOSTS_OWN = "0000:09:00.0"


@dataclass(frozen=True)
class Written:
    """Content that somebody wrote to a device."""

    owner: str
    """A server's uuid, :data:`HOST` or :data:`FOREIGN`."""
    content: dict[int, bytes]


class World:
    """Host, Nova and service, with the ways in which they meet."""

    def __init__(self, folder: Path) -> None:
        own = FakeSsd(HOSTS_OWN, "OWN", content={0: b"the host's own"}, mounted_at="/srv", signatures=("ext4",))
        ssds = [FakeSsd("0000:01:00.0", "SN1"), FakeSsd("0000:02:00.0", "SN2", can_format=False), own]
        namespaces = [FakeNamespace("namespace0.0", "ns0"), FakeNamespace("namespace0.1", "ns1")]
        self.fake = FakeHost(folder / "host", ssds, namespaces)
        self.host = TroubledHost(self.fake)
        self.host.on_kill = self._killed
        self.nova = Nova()
        self.domains: dict[str, Domain] = {}
        self.written: dict[str, Written] = {"OWN": Written(HOST, dict(own.content))}
        self.permitted: set[str] = set()
        """What an operator allowed to erase."""
        self.said_left: set[tuple[str, str]] = set()
        """Identity and server of what an operator wants cleaned because the server has left it here."""
        self.stale: set[str] = set()
        """What has changed since the last look that came to its end without trouble."""
        self.looked_since_boot = True
        self.clock = Clock()
        self.clock.install()
        self.libvirt_is_gone = False
        self.settings = _settings(folder / "state")
        self.service: AccelService | None = None
        self.jobs: list[Callable[[], None]] = []
        self._frozen: Path | None = None
        self._depth = 0
        self._looked_at: tuple[object, int] = (None, 0)
        self.start()
        self.settle()

    # nova-compute

    @property
    def up(self) -> AccelService:
        """The service, where it is known to run."""
        assert self.service is not None
        return self.service

    @property
    def ledger(self) -> Ledger:
        """The ledger as another process opens it."""
        return Ledger(self.settings.ledger_path)

    def entries(self) -> dict[str, Entry]:
        """The ledger, by identity."""
        ledger = self.service.ledger if self.service is not None else self.ledger
        return {handle.identity: entry for handle, entry in ledger.entries().items()}

    def start(self) -> None:
        """Start nova-compute."""
        with self.may_be_killed():
            nova = NovaSide(
                host=HERE,
                domains=self._domains,
                facts=self.nova.facts,
                changed=self.audit,
                consumers=self.nova.consumers,
                others=self._others,
                claims=self.nova.claims,
                placed=self._placed,
                claimants=self.nova.claimants,
                stopped=self._stopped,
                undefine=self._undefine_stopped,
            )
            service = AccelService(self.settings, _drivers(self.settings), self.host, nova)
            self.service = service
            service.start(self.jobs.append)
            self.audit()

    def stop(self) -> None:
        """End nova-compute, however suddenly: what it was about to do is forgotten."""
        self.service = None
        self.jobs.clear()
        self.host.armed.clear()
        self.host.meanwhile.clear()

    @contextlib.contextmanager
    def may_be_killed(self) -> Iterator[None]:
        """Let nova-compute be killed at the host's border; what it does while the exception passes has not happened."""
        self._depth += 1
        try:
            yield
        except Killed:
            if self._depth > 1:
                raise
            self.stop()
            state = Path(self.settings.ledger_path).parent
            if self._frozen is not None:
                shutil.rmtree(state)
                self._frozen.rename(state)
                self._frozen = None
        finally:
            self._depth -= 1

    def _killed(self) -> None:
        state = Path(self.settings.ledger_path).parent
        self._frozen = state.with_name("frozen")
        shutil.copytree(state, self._frozen)

    def run_job(self, number: int) -> None:
        """Let one of the deferred jobs run."""
        with self.may_be_killed():
            self._run(self.jobs.pop(number % len(self.jobs)))

    def _run(self, job: Callable[[], None]) -> None:
        self.host.in_background = True
        try:
            job()
        finally:
            self.host.in_background = False

    def back_up_ledger(self) -> None:
        """Keep a copy of the ledger, as somebody does who copies files."""
        path = Path(self.settings.ledger_path)
        if path.exists():
            shutil.copy(path, path.parents[1] / "backup")

    def put_back_ledger(self) -> None:
        """Put the copy in the ledger's place: it says what was once. What nova-compute keeps beside it is not of the copy."""
        path = Path(self.settings.ledger_path)
        backup = path.parents[1] / "backup"
        if backup.exists():
            path.parent.mkdir(exist_ok=True)
            shutil.copy(backup, path)
            self.stale |= self.devices().keys()

    def settle(self) -> None:
        """Rounds until there is nothing to do any more."""
        for _ in range(2):
            self.up.work()
            while self.jobs:
                self._run(self.jobs.pop(0))

    def audit(self) -> None:
        """Nova counts what is given out, and updates its providers."""
        self.nova.recount()
        self.update()

    def update(self) -> None:
        """Nova updates its providers; without a plan it offers nothing of ours."""
        try:
            self.nova.offers(self.up.providers(NODE, self.nova.tracked))
        except AccelError:
            self.nova.offers(())

    # libvirt

    def _domains(self) -> dict[str, frozenset[str]]:
        self._ask_libvirt()
        return {uuid: self._places(domain) for uuid, domain in self.domains.items()}

    def _others(self) -> Others:
        try:
            self._ask_libvirt()
        except ConnectionError as error:
            return Others(unknown=str(error))
        has: dict[str, set[str]] = defaultdict(set)
        for uuid, domain in self.domains.items():
            for place in self._places(domain):
                has[place].add(uuid)
        return Others({place: frozenset(uuids) for place, uuids in has.items()})

    def _placed(self) -> list[Placed]:
        self._ask_libvirt()
        return [placed for uuid, domain in self.domains.items() for placed in domain.placed(uuid)]

    def _stopped(self) -> frozenset[str]:
        self._ask_libvirt()
        return frozenset(uuid for uuid, domain in self.domains.items() if not domain.running)

    def _undefine_stopped(self, uuid: str) -> None:
        self._ask_libvirt()
        if not self.domains[uuid].running:
            self.undefine(uuid)

    def _ask_libvirt(self) -> None:
        if self.libvirt_is_gone:
            self.libvirt_is_gone = False
            self.host.failures += 1
            raise ConnectionError("libvirt does not answer")

    def _places(self, domain: Domain) -> frozenset[str]:
        """As in the XML, and where links lead."""
        found = {place: hardware.device_at(self.fake, place) for place in domain.places}
        led_to = {f"/dev/{one.chardev}" for one in found.values() if isinstance(one, FakeNamespace)}
        return frozenset(found) | led_to

    # guests

    def xml(self, server: Server) -> str:
        """The domain's XML, made anew."""
        domain = etree.Element("domain")
        parts = etree.SubElement(domain, "devices")
        for _, element in self.up.guests.elements(server.handles, server.uuid):
            parts.append(element.to_element())
        return etree.tostring(domain).decode()

    def run_guest(self, server: Server, xml: str = "") -> None:
        """Define the domain and start it.

        :param xml: made long ago; otherwise it is made now
        :raises AccelError: when it is refused
        """
        xml = xml or self.xml(server)
        self.up.guests.prepare(server.handles, server.uuid, xml)
        found = self._meant(server, xml)
        domain = self.domains[server.uuid] = Domain(xml)
        self.take(domain, server, found)

    def take(self, domain: Domain, server: Server, found: Sequence[FakeDevice]) -> None:
        """The guest runs, with its devices in its hands."""
        domain.running = True
        domain.devices = {identity_of(one): one for one in found}
        domain.opened = list(found)
        server.let_go -= domain.devices.keys()
        self.permitted -= domain.devices.keys()
        self.said_left -= {(identity, server.uuid) for identity in domain.devices}
        for one in found:
            if isinstance(one, FakeNamespace):
                one.user = "qemu (process 1)"
            else:
                one.vfio_user = True

    def _meant(self, server: Server, xml: str) -> list[FakeDevice]:
        """What the guest is about to get by its XML. Here it shows whether everything that was done before was right."""
        places = Domain(xml).places
        found = [hardware.device_at(self.fake, place) for place in places]
        devices = [one for one in found if one is not None]
        got = {identity_of(one) for one in devices}
        assert got == {handle.identity for handle in server.handles}, f"{server.uuid} is given {got}"
        for device in devices:
            self.check_given(server, device)
        return devices

    def check_given(self, server: Server, device: FakeDevice) -> None:
        """Hold a device that a guest is about to get against what a person knows."""
        identity = identity_of(device)
        having = [uuid for uuid, one in self.domains.items() if one.running and identity in one.devices]
        assert not having, f"{identity} is given to {server.uuid}, and {having} has it"
        written = self.written.get(identity)
        if written is not None and self.must_be_kept(identity):
            assert device.content == written.content, f"{identity}: what {written.owner} wrote is gone"
        if hardware.is_zero(device):
            self.written.pop(identity, None)
        else:
            assert written is not None
            assert written.owner == server.uuid, f"{server.uuid} is given {identity} with content of {written.owner}"
        if isinstance(device, FakeSsd):
            assert device.bound_to == "vfio-pci"
            assert not device.mounted_at

    def end_guest(self, uuid: str) -> None:
        """Stop the guest; its domain stays defined."""
        domain = self.domains.get(uuid)
        if domain is None or not domain.running:
            return
        domain.running = False
        for device in domain.opened:
            if isinstance(device, FakeNamespace):
                device.user = ""
            else:
                device.vfio_user = False
        domain.devices, domain.opened = {}, []

    def undefine(self, uuid: str) -> None:
        """Stop the guest and take its domain away."""
        self.end_guest(uuid)
        self.domains.pop(uuid, None)

    def write(self, owner: str, device: FakeDevice, content: dict[int, bytes]) -> None:
        """Somebody writes to a device."""
        device.content.update(content)
        self.written[identity_of(device)] = Written(owner, dict(device.content))

    # what a person knows

    def devices(self) -> dict[str, FakeDevice]:
        """What is in the host now, by identity."""
        return hardware.devices(self.fake)

    def in_a_guest(self, identity: str) -> bool:
        """Whether a running guest has it."""
        return any(domain.running and identity in domain.devices for domain in self.domains.values())

    def must_be_kept(self, identity: str) -> bool:
        """Whether its content is still somebody's."""
        written = self.written.get(identity)
        if written is None:
            return False
        if self.in_a_guest(identity):
            return True
        server = self.nova.servers.get(written.owner)
        released = identity in server.let_go if server is not None else False
        return not released and identity not in self.permitted and not self._was_left(identity, server)

    def _was_left(self, identity: str, server: Server | None) -> bool:
        """Whether an operator says that its server has left it here, and a person sees that it has."""
        if server is None or (identity, server.uuid) not in self.said_left:
            return False
        old = server.old if server.is_reset else ()
        return identity not in {one.identity for one in server.counted() if one not in old}

    def changed(self, identity: str) -> None:
        """Note that a device is not any more what the last look saw."""
        self.stale.add(identity)

    def note_look(self) -> None:
        """Note what the last look has seen: everything, if nothing went wrong meanwhile."""
        if self.service is None:
            return
        snapshot, failures = self.service.inventory.snapshot, self.host.failures
        looked_at, failed = self._looked_at
        if snapshot is not looked_at and failures == failed:
            self.stale.clear()
            self.looked_since_boot = True
        self._looked_at = (snapshot, failures)

    def close(self) -> None:
        """Put everything back."""
        self.clock.remove()


# Looking for installed drivers takes longer than a whole step here.
_drivers = functools.cache(loading.load)


def _settings(folder: Path) -> Settings:
    return Settings(
        enabled_drivers=("nvme_ssd_driver", "intel_pmem_driver"),
        nvme_ssd_filters=("vendor_id:*",),
        discovery_interval_s=0,
        ledger_path=str(folder / "ledger.sqlite"),
        pmem_namespaces=("6GB:ns0|ns1", "LARGE:ns2"),
        cleaning_record=str(folder / "cleaning.jsonl"),
    )
