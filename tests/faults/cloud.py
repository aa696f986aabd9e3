"""Nova's API, conductor, scheduler and compute services with the real Placement, all in one process, over files that outlive it."""

import importlib
import sqlite3
from contextlib import contextmanager
from typing import Any

import fixtures
import nova.tests.functional  # noqa: F401  it has to be the first of Nova's
from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.tests import fixtures as nova_fixtures
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.functional import fixtures as functional_fixtures
from oslo_utils.fixture import uuidsentinel

from nova_accel.cleaning import retries, sanitizing
from nova_accel.ledger import file as ledger_file
from nova_accel.ledger import rows, store
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import Event, State
from nova_accel.model import HandleId
from tests.fakes.host import FakeSsd
from tests.fakes.pmem import FakeNamespace
from tests.faults.hypervisor import METHODS, KeptConnection
from tests.faults.machine import KeptHost, TrappedHost
from tests.faults.points import AFTER, BEFORE, Point, transition
from tests.faults.rules import Watch
from tests.faults.trap import Trap
from tests.faults.world import World, lasting_uuid
from tests.functional import base

HOST = "compute1"
OTHER_HOST = "compute2"

# Not by attribute: nova.tests.fixtures has Nova itself under that name.
_DATABASE_FIXTURES = importlib.import_module("nova.tests.fixtures.nova")
_THERE = "SELECT 'the tables are there';"
_SAME_IN_EVERY_LIFE = ("cell1", "node_compute1", "node_compute2")


class Cloud(base.AccelTestCase):
    """One process' life of the cloud. It is never taken down: the process ends, one way or the other."""

    def __init__(self, world: World, trap: Trap) -> None:
        super().__init__("setUp")
        self._world = world
        self._trap = trap

    def setUp(self) -> None:
        for name in _SAME_IN_EVERY_LIFE:
            uuidsentinel._sentinels[name] = lasting_uuid(name)
        for module in (_DATABASE_FIXTURES, functional_fixtures):
            self._replace(module, "_use_file_backed_sqlite_with_wal", self._opened)
        if self._world.has_databases:
            _DATABASE_FIXTURES.DB_SCHEMA.update({("api", None): _THERE, ("main", None): _THERE})
            self._replace(nova_fixtures, "DefaultFlavorsFixture", fixtures.Fixture)
        self._trap_transitions()
        super().setUp()
        for name, made in METHODS.items():
            self._replace(fakelibvirt.Domain, name, made(getattr(fakelibvirt.Domain, name)))
        self.watches: dict[str, Watch] = {}
        self.folder = self._world.folder
        self.flags(instances_path=str(self._world.folder / "instances"))
        # Nobody waits half an hour here.
        self._replace(retries, "_AFTER_S", (0, 0, 0))
        self._replace(sanitizing, "_POLL_S", 0.0)

    @property
    def world(self) -> World:
        """Where everything lies that outlives this process."""
        return self._world

    @property
    def trap(self) -> Trap:
        """What ends this process."""
        return self._trap

    def open_machine(self, name: str = HOST) -> KeptHost:
        """The machine of a host as it was left; two SSDs and two namespaces when there is none."""
        file = self._world.machine(name)
        watch = Watch(self._world, name)
        if file.exists():
            machine = KeptHost.opened(file, self._trap, watch.erasing)
        else:
            inner = TrappedHost(self._world.folder / name, *_hardware(name))
            machine = KeptHost(inner, file, self._trap, watch.erasing)
        self.machines[name] = machine
        watch.machine = machine
        self.watches[name] = watch
        return machine

    def start(self, name: str = HOST) -> None:
        """Start nova-compute on a host."""
        if name not in self.machines:
            self.open_machine(name)
        with self.on(name):
            self.start_compute(name)

    def round(self) -> None:
        """What happens by itself within a minute: a round of ours on each host, and Nova's audit."""
        for name in sorted(self.computes):
            with self.on(name):
                self.computes[name].driver._accel.work()
        self.audit()

    def connection(self, name: str = HOST) -> KeptConnection:
        """The libvirt of a host."""
        return self.computes[name].driver._host.get_connection()

    def start_compute(self, hostname: str = HOST, *args: object, **kwargs: object) -> str:
        context = nova_context.get_admin_context()
        known = objects.HostMappingList.get_by_cell_id(context, self.cell_mappings["cell1"].id)
        self.host_mappings.update({one.host: one for one in known})
        return super().start_compute(hostname, *args, **kwargs)

    def _get_connection(self, *args: Any, **kwargs: Any) -> KeptConnection:
        name = args[-1]
        return KeptConnection(
            self._world.domains(name),
            self._trap,
            self.watches[name].started,
            hostname=name,
            host_info=fakelibvirt.HostInfo(cpu_nodes=2, cpu_sockets=1, cpu_cores=2, cpu_threads=2),
            version=fakelibvirt.FAKE_LIBVIRT_VERSION,
            hv_version=fakelibvirt.FAKE_QEMU_VERSION,
        )

    def _replace(self, owner: object, name: str, replacement: object) -> None:
        self.useFixture(fixtures.MockPatchObject(owner, name, replacement))

    def _opened(self, name: str) -> tuple[str, str]:
        path = str(self._world.database(name))
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        return f"sqlite:///{path}", path

    def _setup_cells(self) -> None:
        context = nova_context.get_context()
        databases = nova_fixtures.CellDatabases()
        for name, cell_uuid in (("cell0", objects.CellMapping.CELL0_UUID), ("cell1", uuidsentinel.cell1)):
            self.cell_mappings[name] = _cell(context, name, cell_uuid)
            databases.add_cell_database(cell_uuid, default=name == "cell1")
        self.useFixture(databases)

    def _trap_transitions(self) -> None:
        """Have each transaction of the ledger spring the trap before its commit and after it, for what it did."""
        done: list[str] = []
        after, transaction, refuse = rows.after, ledger_file.LedgerFile.transaction, store.refuse_unless_claimable
        trap = self._trap

        def noted(handle: str, state: State, event: Event) -> State:
            following = after(handle, state, event)
            done.append(transition(state, event))
            return following

        def claimable(connection: sqlite3.Connection, handle: HandleId, server: str) -> Entry:
            # A claim that is repeated changes nothing in the ledger, so it does not ask what follows.
            one = refuse(connection, handle, server)
            if one.state is State.ASSIGNED:
                done.append(transition(State.ASSIGNED, Event.CLAIM))
            return one

        @contextmanager
        def trapped(*args: Any, **kwargs: Any) -> Any:
            done.clear()
            with transaction(*args, **kwargs) as connection:
                yield connection
                for what in done:
                    trap.spring(Point(what, BEFORE))
            for what in done:
                trap.spring(Point(what, AFTER))

        self._replace(rows, "after", noted)
        self._replace(store, "refuse_unless_claimable", claimable)
        self._replace(ledger_file.LedgerFile, "transaction", trapped)


def _hardware(host: str) -> tuple[list[FakeSsd], list[FakeNamespace]]:
    """Two SSDs and two namespaces, of which no other host has one."""
    if host == HOST:
        return base.ssds(2), base.namespaces("ns0", "ns1")
    ssds = [FakeSsd(f"0000:0{slot}:00.0", f"SN2{slot}") for slot in (1, 2)]
    return ssds, base.namespaces("ns0", "ns1", region=2)


def _cell(context: Any, name: str, cell_uuid: str) -> objects.CellMapping:
    try:
        return objects.CellMapping.get_by_uuid(context, cell_uuid)
    except nova_exception.CellMappingNotFound:
        cell = objects.CellMapping(
            context=context,
            uuid=cell_uuid,
            name=name,
            transport_url="fake://nowhere/",
            database_connection=cell_uuid,
        )
        cell.create()
        return cell
