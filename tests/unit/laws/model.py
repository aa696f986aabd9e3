"""Nova, libvirt and Placement in small: as much of them as decides who has which handle."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from nova_accel.model import HandleId
from nova_accel.provider_tree.apply import Leftover
from nova_accel.provider_tree.plan import ProviderPlan
from nova_accel.virt.evidence import MigrationFacts, ServerFacts
from nova_accel.virt.reconcile import Claims, Moved, Placed
from nova_accel.xml import domain as domain_xml
from tests.unit.laws.hardware import FakeDevice

HERE, THERE, NODE = "here", "there", "node"
# Whatever else a migration is, Nova's tracker still counts what the server had.
TRACKED = ("migrating", "finished")
WITHOUT_CLAIM = ("building", "error", "deleted", "shelved_offloaded")


@dataclass(eq=False)
class Migration:
    """A migration of a server, resizes and evacuations included."""

    status: str
    source: str
    destination: str | None
    kind: str = "migration"

    @property
    def facts(self) -> MigrationFacts:
        """As our side sees it."""
        return MigrationFacts(self.status, self.source, self.destination, self.kind)


@dataclass(eq=False)
class Server:
    """One server as Nova's database knows it."""

    uuid: str
    classes: tuple[str, ...]
    handles: tuple[HandleId, ...] = ()
    """``instance.resources``."""
    offloaded_with: tuple[HandleId, ...] = ()
    """What ``instance.resources`` goes on naming once it is offloaded."""
    saved: bool = False
    """Whether they are in the database: the tracker's audit counts only what is."""
    host: str | None = HERE
    vm_state: str = "building"
    task_state: str | None = "spawning"
    deleted: bool = False
    migrations: list[Migration] = field(default_factory=list)
    old: tuple[HandleId, ...] = ()
    """``migration_context``'s, as long as a move is not over."""
    new: tuple[HandleId, ...] = ()
    unrescue_xml: str = ""
    """Of the domain that it had when it was rescued."""
    given_back: frozenset[HandleId] = frozenset()
    """What it keeps although Nova gave the allocation back, because a rebuild failed."""
    let_go: set[str] = field(default_factory=set)
    """What may be erased: it was released by this server, as a person sees it."""

    @property
    def facts(self) -> ServerFacts:
        """As our side sees it."""
        has = frozenset(self.handles if self.saved else ()) | {*self.offloaded_with}
        claimed = has | {*self.old, *self.new}
        migrations = tuple(one.facts for one in self.migrations)
        return ServerFacts(self.deleted, self.host, self.vm_state, self.task_state, claimed, migrations, has)

    @property
    def move(self) -> Migration | None:
        """The move that is going on, as the tracker sees it."""
        return next((one for one in self.migrations if one.status in TRACKED), None)

    @property
    def is_reset(self) -> bool:
        """Whether nobody can decide any more about a move that still waits for that."""
        waits = self.move is not None and self.move.status == "finished"
        return waits and self.vm_state != "resized" and self.task_state is None

    @property
    def is_idle_here(self) -> bool:
        """Whether a user may begin something with it."""
        return not self.deleted and self.host == HERE and self.task_state is None and self.move is None

    @property
    def is_idle_or_resized(self) -> bool:
        """Whether nothing is happening with it on this host, a resize that waits for its confirmation apart."""
        return not self.deleted and self.host == HERE and self.task_state is None

    def moved(self) -> Iterator[Moved]:
        """What it had here before its last migration, if that has not come to its end."""
        last = self.migrations[-1].facts if self.migrations else None
        if last is None or last.is_finished:
            return
        if last.source_host == HERE and self.old:
            is_open = self.vm_state == "resized" or self.task_state is not None
            yield Moved(self.uuid, frozenset(self.old), may_come_back=is_open and last.is_undecided)

    @property
    def wanted(self) -> frozenset[HandleId]:
        """What it has or may go back to, and what it is to have if its move goes on."""
        has, last = self.facts.has, self.migrations[-1].facts if self.migrations else None
        new = frozenset(self.new) if last is not None and not (last.is_finished or last.has_failed) else frozenset()
        return (new | {*self.old}) - has if self.vm_state == "shelved_offloaded" else new | {*self.old} | has

    def counted(self) -> Iterator[HandleId]:
        """What the tracker of this host counts for it."""
        if self.deleted:
            return
        if self.host == HERE:
            yield from self.handles
        move = self.move
        if move is not None and move.source == HERE:
            yield from self.old
        if move is not None and move.destination == HERE:
            yield from self.new

    def allocated(self) -> Iterator[HandleId]:
        """What stands as taken by it, or by its migration, in Placement."""
        return (handle for handle in self.counted() if handle not in self.given_back)

    def consumer_of(self, handle: HandleId) -> str:
        """Who has it in Placement: while a server moves, its migration has what it had before."""
        return f"migration of {self.uuid}" if self.move is not None and handle in self.old else self.uuid

    def lets_go(self, handles: Iterable[HandleId]) -> None:
        """Note that it is done with handles of this host."""
        self.let_go.update(handle.identity for handle in handles)


@dataclass(eq=False)
class Domain:
    """What libvirt knows of one server."""

    xml: str
    running: bool = False
    devices: dict[str, FakeDevice] = field(default_factory=dict)
    """What its guest has in its hands, by identity."""
    opened: list[FakeDevice] = field(default_factory=list)
    """What its QEMU has open, also where it was taken away meanwhile."""
    saved: dict[str, dict[int, bytes]] | None = None
    """While its guest is saved: the content of the persistent memory within that, by identity."""

    @property
    def places(self) -> frozenset[str]:
        """PCI addresses and paths in its XML."""
        return frozenset({*map(str, domain_xml.pci_addresses(self.xml)), *domain_xml.nvdimm_paths(self.xml)})

    def placed(self, uuid: str) -> list[Placed]:
        """Its PCI devices that are ours."""
        aliases = domain_xml.pci_addresses(self.xml).items()
        return [Placed(uuid, str(at), alias, running=self.running) for at, alias in aliases if alias is not None]


class Nova:
    """The resource tracker of one host, with the database and Placement behind it."""

    def __init__(self) -> None:
        self.servers: dict[str, Server] = {}
        self.tracked: frozenset[HandleId] = frozenset()
        """What the tracker counts as given out, as of its last audit, claim or release."""
        self.offered: Sequence[ProviderPlan] = ()
        """What the last update of the provider tree left in Placement and in the tracker."""
        self.providers: dict[HandleId, str] = {}
        """Uuid of the provider of each handle that was ever in the tree."""

    def server(self, classes: tuple[str, ...]) -> Server:
        """A new server in the database."""
        server = Server(str(UUID(int=len(self.servers) + 1)), classes)
        self.servers[server.uuid] = server
        return server

    def facts(self, uuid: str) -> ServerFacts | None:
        """What the database says."""
        server = self.servers.get(uuid)
        return server.facts if server is not None else None

    def claims(self) -> Claims:
        """What the servers of this host have with which nothing is happening, and what moves have left here."""
        built = [one for one in self.servers.values() if one.is_idle_or_resized and one.vm_state not in WITHOUT_CLAIM]
        idle = {one.uuid: frozenset(one.handles) for one in built if one.saved and one.handles}
        return Claims(idle, [moved for one in self.servers.values() if not one.deleted for moved in one.moved()])

    def claimants(self) -> dict[HandleId, set[str]]:
        """Which servers have, or may go back to, a handle of this host."""
        found: dict[HandleId, set[str]] = {}
        for server in self.servers.values():
            moves = any(one.facts.concerns(HERE) and not one.facts.is_finished for one in server.migrations)
            if not server.deleted and (server.host == HERE or moves):
                for handle in server.wanted:
                    found.setdefault(handle, set()).add(server.uuid)
        return found

    def consumers(self, place: Leftover) -> set[str]:
        """Who has an allocation from it in Placement."""
        here = {one for one, provider in self.providers.items() if place == Leftover(provider, one.resource_class)}
        return {
            one.consumer_of(handle) for one in self.servers.values() for handle in here.intersection(one.allocated())
        }

    def offers(self, plans: Sequence[ProviderPlan]) -> None:
        """Take what an update of the provider tree says."""
        self.offered = plans
        for plan in plans:
            self.providers |= {handle: plan.uuid for part in plan.classes.values() for handle in part.resources}

    def recount(self) -> None:
        """Begin an audit: what is not saved yet is forgotten (nova.compute.claims saves an instance before its resources)."""
        saved = [one for one in self.servers.values() if one.saved or one.move is not None]
        self.tracked = frozenset(handle for server in saved for handle in server.counted())

    def forget(self, handles: Iterable[HandleId]) -> None:
        """Give back what a claim took."""
        self.tracked -= frozenset(handles)

    def pop(self, classes: Sequence[str]) -> tuple[HandleId, ...] | None:
        """Allocate in Placement and claim in the tracker, all or nothing."""
        taken: list[HandleId] = []
        for name in classes:
            found = self._free(name, taken)
            if found is None:
                return None
            taken.append(found)
        self.tracked |= frozenset(taken)
        return tuple(taken)

    def _free(self, resource_class: str, taken: Sequence[HandleId]) -> HandleId | None:
        used = Counter(self._allocated()) + Counter(taken)
        for plan in self.offered:
            part = plan.classes.get(resource_class)
            if part is None:
                continue
            free = sorted(part.resources - self.tracked - frozenset(taken))
            count = sum(used[handle] for handle in part.resources)
            if free and part.total - part.reserved - count > 0:
                return free[0]
        return None

    def _allocated(self) -> Iterator[HandleId]:
        for server in self.servers.values():
            yield from server.allocated()
