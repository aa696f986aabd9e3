"""Two hosts with SSDs and persistent memory, and what every test of operations does with a server."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.virt.libvirt import guest as libvirt_guest

from tests.fakes.host import FakeHost, FakeSsd
from tests.functional import base
from tests.functional.operations.builds import Builds
from tests.functional.operations.casts import CastsAreDone
from tests.functional.operations.fates import KEPT
from tests.functional.operations.five import Five
from tests.functional.operations.held import Expected, Had, Held

SSD, SIX, LARGE = "CUSTOM_SSD", "CUSTOM_PMEM_NAMESPACE_6GB", "CUSTOM_PMEM_NAMESPACE_LARGE"
IMAGE = "155d900f-4e14-4e4c-a73d-069cbf4541e6"


class OperationsTestCase(base.AccelTestCase):
    """compute1 has the SSDs SN11 and SN12, compute2 SN21 and SN22; each has a region with two namespaces of 6GB and a LARGE one."""

    CAST_AS_CALL = False

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(CastsAreDone())
        self.connections: dict[str, Any] = {}
        self.builds = Builds()
        self.five = Five(self)
        self.have_no_disks()

    def start_hosts(self, *numbers: int) -> None:
        for number in numbers:
            ssds = [FakeSsd(f"0000:0{slot}:00.0", f"SN{number}{slot}") for slot in (1, 2)]
            self.start_host(f"compute{number}", *ssds, namespaces=base.namespaces("ns0", "ns1", "ns3", region=number))

    def start_compute(self, hostname: str = "compute1", *args: object, **kwargs: object) -> str:
        started = super().start_compute(hostname, *args, **kwargs)
        self.connections[hostname] = self.computes[hostname].driver._host.get_connection()
        self.builds.watch(self.computes[hostname].manager)
        return started

    def flavor_of(self, *classes: str, **more: str) -> str:
        """A flavor with one numbered group for each class."""
        groups = {f"resources{number}__{name}": "1" for number, name in enumerate(classes, 1)}
        return self.flavor(**groups, **({"group_policy": "none"} if len(classes) > 1 else {}), **more)

    def both(self) -> str:
        """A flavor with an SSD and a namespace."""
        return self.flavor_of(SSD, SIX)

    def boot_with_data(self, flavor: str | None = None, host: str = "compute1") -> Had:
        """A server that has written a nonce to each of its devices."""
        server = self.boot(flavor or self.both(), host=host)
        return self.has_written(server, host)

    def has_written(self, server: dict, host: str, but: Had | None = None) -> Had:
        """What a server has on a host now, its nonces on it."""
        had = self.has(server, host, but)
        self.five.write(server["id"], had.handles)
        return had

    def has(self, server: dict, host: str, but: Had | None = None) -> Had:
        """What a server has on a host now."""
        handles = self.five.held(server["id"], host) - (but.handles if but else frozenset())
        assert handles, f"server {server['id']} has nothing on {host}"
        return Had(server, handles)

    def claimed(self, server: dict, host: str) -> Had:
        """What Nova says that a server has, which is on this host."""
        return _some(server, host, self.in_instance(server))

    def to_be_claimed(self, server: dict, host: str) -> Had:
        """What a migration of a server has claimed on this host."""
        instance = objects.Instance.get_by_uuid(nova_context.get_admin_context(), server["id"], ["migration_context"])
        new = instance.migration_context.new_resources
        return _some(server, host, [one.identifier for one in new or ()])

    def guest_of(self, had: Had, host: str = "compute1") -> Any:
        """A server's domain as the fake libvirt has it."""
        return self.connections[host].lookupByUUIDString(had.server["id"])

    def action(self, server: dict, status: str, **action: object) -> dict:
        """Post an action, its name with __ for a dash, and wait for the status."""
        self.api.post_server_action(server["id"], {name.replace("__", "-"): value for name, value in action.items()})
        return self._wait_for_state_change(server, status)

    def settle(self) -> None:
        """A round of ours and an audit of Nova's on each host that runs."""
        for host in sorted(self.computes.keys() & self.machines.keys()):
            self.round(host)
        self.audit()

    def round(self, host: str) -> None:
        with self.on(host):
            self.computes[host].driver._accel.work()

    def after(self, operation: str, *expected: Expected) -> None:
        """After a round and an audit, with no build going on, the five have to say what is expected."""
        self.builds.wait()
        self.settle()
        self.five.after(operation, *expected)

    def after_kept(self, operation: str, *had: Had) -> None:
        self.after(operation, *(one.is_(KEPT) for one in had))

    def delete(self, server: dict) -> None:
        self.api.delete_server(server["id"])
        self._wait_until_deleted(server)

    def crash(self, host: str) -> FakeHost:
        """End a nova-compute without a word and take it for dead."""
        self.computes.pop(host).stop()
        self.compute_rp_uuids.pop(host)
        self._force_down(host, True)
        return self.machines[host]

    def come_back(self, host: str) -> None:
        """Start it again over the same libvirt."""
        with self.on(host):
            self.start_compute(host, connection=self.connections[host])
        self._force_down(host, False)

    def _force_down(self, host: str, down: bool) -> None:
        (service,) = self.admin_api.get_services(host=host, binary="nova-compute")
        self.admin_api.put_service_force_down(service["id"], down)

    def writing_as_they_start(self, host: str = "compute1") -> object:
        """Guests that write a nonce to each of their devices before whoever starts them learns that they run."""
        original = libvirt_guest.Guest.launch

        def launch(guest: libvirt_guest.Guest, *args: object, **kwargs: object) -> object:
            result = original(guest, *args, **kwargs)
            self.five.write(guest.uuid, self.five.held(guest.uuid, host))
            return result

        return base.patched(libvirt_guest.Guest, "launch", launch)

    @contextmanager
    def failing(self, target: object, name: str, error: Exception, late: bool = False) -> Iterator[None]:
        """Let something of Nova's fail, before it has done anything or after it has done all; it has to be reached meanwhile."""
        original: Callable[..., object] = getattr(target, name)
        reached = []

        def fail(*args: object, **kwargs: object) -> object:
            reached.append(name)
            if late:
                original(*args, **kwargs)
            raise error

        with base.patched(target, name, fail):
            yield
            assert reached, f"{name}, which was to fail, was not reached"


def _some(server: dict, host: str, identities: Collection[str]) -> Had:
    assert identities, f"Nova says that server {server['id']} has nothing"
    return Had(server, frozenset(Held(host, identity) for identity in identities))
