"""Nova's API, scheduler, conductor and compute services with the real Placement, over Nova's fake libvirt and our fake host."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import fixtures
import nova.conf
from lxml import etree
from nova import context as nova_context
from nova import objects
from nova.compute import resource_tracker
from nova.tests.functional.libvirt import base
from nova.virt.libvirt.driver import LibvirtDriver
from stevedore import ExtensionManager

from nova_accel import conf
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.store import Ledger
from nova_accel.xml import domain
from tests.fakes.host import FakeHost, FakeSsd
from tests.fakes.libvirt import DefinitionsAreKept
from tests.fakes.native_threads import FixturesFitForNativeThreads
from tests.fakes.pmem import FakeNamespace

CONF = nova.conf.CONF

_RETRIES = 120
"""How often a server is looked at until it is as expected, every half second."""


def room_for(gib: float) -> Callable[[object], Any]:
    """A file system with so much room."""
    return lambda path: SimpleNamespace(f_bavail=int(gib * (1 << 18)), f_frsize=4096)


def _power_off_only(driver: LibvirtDriver, context: object, instance: object, *args: object) -> str:
    driver.power_off(instance)
    return "{}"


class AccelTestCase(base.ServersTestBase):
    """Starts compute services with our driver; each host has a machine made of files."""

    microversion = "latest"
    enabled_drivers = ("inspur_nvme_ssd_driver", "nvme_ssd_driver", "intel_pmem_driver")
    pmem_namespaces = ("6GB:ns0|ns1|ns2", "LARGE:ns3")

    def setUp(self) -> None:
        # The wheel puts the file in <prefix>/etc/nova, Nova's fixtures look in site-packages.
        CONF.set_override("api_paste_config", str(Path(sys.prefix, "etc/nova/api-paste.ini")), "wsgi")
        self.useFixture(FixturesFitForNativeThreads())
        super().setUp()
        conf.register(CONF)
        self.flags(enabled_drivers=list(self.enabled_drivers), nvme_ssd_filter=["vendor_id:*"], group="nova_accel")
        self.flags(pmem_namespaces=list(self.pmem_namespaces), group="nova_accel")
        # Neither quota nor one host's processors and memory must be what ends a test.
        self.flags(instances=-1, cores=-1, ram=-1, group="quota")
        self.flags(initial_cpu_allocation_ratio=16.0, initial_ram_allocation_ratio=16.0)
        self.useFixture(DefinitionsAreKept())
        self.folder = Path(self.useFixture(fixtures.TempDir()).path)
        self.machines: dict[str, FakeHost] = {}
        self.useFixture(fixtures.MonkeyPatch("nova_accel.virt.driver.local_host", lambda name: self.machines[name]))
        self.useFixture(fixtures.MonkeyPatch("nova_accel.virt.driver.in_background", lambda work: work()))
        self.useFixture(fixtures.MonkeyPatch("nova_accel.virt.driver.for_as_long_as_it_runs", lambda rounds: None))
        self.flags(discovery_interval=0, group="nova_accel")
        self.api = self.admin_api
        self.api.microversion = "2.74"

    def __delattr__(self, name: str) -> None:
        # Nova's tearDown deletes public attributes, among them the one that pytest is about to delete.
        if name in self.__dict__:
            super().__delattr__(name)

    def _setup_compute_service(self) -> None:
        self.flags(compute_driver="accel.AccelLibvirtDriver")

    def _wait_for_server_parameter(
        self, server: dict, expected_params: dict, max_retries: int = 10, **more: Any
    ) -> dict:
        """Nova's own waits five seconds, and a build that is tried on a second host takes longer where much else is going on."""
        return super()._wait_for_server_parameter(server, expected_params, max(max_retries, _RETRIES), **more)

    def start_host(self, name: str, *ssds: FakeSsd, namespaces: Iterable[FakeNamespace] = ()) -> FakeHost:
        self.machines[name] = FakeHost(self.folder / name, list(ssds), list(namespaces))
        self.start_compute(name)
        return self.machines[name]

    def start_compute(self, hostname: str = "compute1", *args: object, **kwargs: object) -> str:
        self.flags(ledger_path=str(self.folder / f"{hostname}.sqlite"), group="nova_accel")
        self.flags(cleaning_record=str(self.folder / f"{hostname}.cleaning.jsonl"), group="nova_accel")
        return super().start_compute(hostname, *args, **kwargs)

    @contextmanager
    def on(self, host: str) -> Iterator[None]:
        """A nova-compute knows its own name; in one process with others it has to be told."""
        before = CONF.host
        self.flags(host=host)
        try:
            yield
        finally:
            self.flags(host=before)

    def have_no_disks(self) -> None:
        """Servers move without disks, which Nova's fake libvirt has none of that could be copied."""
        self.useFixture(fixtures.MockPatchObject(LibvirtDriver, "migrate_disk_and_power_off", _power_off_only))

    def use_drivers(self, *extensions: object) -> None:
        """Have these installed drivers only, as stevedore's own seam for tests makes them."""
        manager = ExtensionManager.make_test_instance(list(extensions))
        self.useFixture(fixtures.MonkeyPatch("nova_accel.drivers.loading.ExtensionManager", lambda namespace: manager))

    def ssd_flavor(self, **specs: str) -> str:
        spec = {"resources1:CUSTOM_SSD": "1"} | {key.replace("__", ":"): value for key, value in specs.items()}
        return self._create_flavor(memory_mb=64, vcpu=1, disk=0, ephemeral=0, extra_spec=spec)

    def flavor(self, **specs: str) -> str:
        """A small flavor with these extra specs, ``__`` standing for a colon."""
        spec = {key.replace("__", ":"): value for key, value in specs.items()}
        return self._create_flavor(memory_mb=64, vcpu=1, disk=0, ephemeral=0, extra_spec=spec)

    def boot(self, flavor: str, expected_state: str = "ACTIVE", host: str | None = None) -> dict:
        return self._create_server(flavor_id=flavor, networks="none", host=host, expected_state=expected_state)

    def ledger(self, hostname: str = "compute1") -> Ledger:
        return Ledger(str(self.folder / f"{hostname}.sqlite"))

    def state(self, serial: str, hostname: str = "compute1") -> str:
        return self.entry(serial, hostname).state.value

    def entry(self, identity: str, hostname: str = "compute1") -> Entry:
        return next(one for one in self.ledger(hostname).entries().values() if one.handle.identity == identity)

    def provider(self, serial: str, hostname: str = "compute1") -> dict:
        return self.provider_named(f"{hostname}_accel_ssd_{serial}")

    def provider_named(self, name: str) -> dict:
        (provider,) = self.placement.get(f"/resource_providers?name={name}", version="1.14").body["resource_providers"]
        return provider

    def inventory(self, serial: str, hostname: str = "compute1") -> dict:
        return self._get_provider_inventory(self.provider(serial, hostname)["uuid"])["CUSTOM_SSD"]

    def used(self, serial: str, hostname: str = "compute1") -> int:
        return self._get_provider_usages(self.provider(serial, hostname)["uuid"])["CUSTOM_SSD"]

    def our_providers(self) -> dict[str, dict]:
        found = self.placement.get("/resource_providers", version="1.14").body["resource_providers"]
        return {provider["name"]: provider for provider in found if "_accel_" in provider["name"]}

    def in_domain(self, server: dict, hostname: str = "compute1") -> list[str]:
        """Aliases of our devices in the domain XML as libvirt holds it."""
        return sorted(alias for alias in domain.pci_addresses(self.domain_xml(server, hostname)).values() if alias)

    def domain_xml(self, server: dict, hostname: str = "compute1") -> str:
        conn = self.computes[hostname].driver._host.get_connection()
        return conn.lookupByUUIDString(server["id"]).XMLDesc(0)

    def in_instance(self, server: dict) -> list[str]:
        instance = objects.Instance.get_by_uuid(
            nova_context.get_admin_context(), server["id"], expected_attrs=["resources"]
        )
        return sorted(resource.identifier for resource in instance.resources or [])

    def in_placement(self, server: dict) -> list[str]:
        """Names of our providers that the server has an allocation of."""
        allocations = self._get_allocations_by_server_uuid(server["id"])
        names = {provider["uuid"]: name for name, provider in self.our_providers().items()}
        return sorted(names[uuid] for uuid in allocations if uuid in names)

    @contextmanager
    def audit_in_the_window(self, hostname: str = "compute1") -> Iterator[None]:
        """Run the periodic audit right after a claim, before Nova has saved which handles it gave: it forgets them then."""
        claim = resource_tracker.ResourceTracker.instance_claim
        manager = self.computes[hostname].manager

        def claim_then_audit(tracker: object, *args: object, **kwargs: object) -> object:
            claimed = claim(tracker, *args, **kwargs)
            manager.update_available_resource(nova_context.get_admin_context())
            return claimed

        with patched(resource_tracker.ResourceTracker, "instance_claim", claim_then_audit):
            yield

    def audit(self) -> None:
        self._run_periodics()

    def fault(self, server: dict) -> str:
        return self.api.get_server(server["id"])["fault"]["message"]


def elements(xml: str, path: str) -> Iterable[etree._Element]:
    return etree.fromstring(xml.encode()).iterfind(path)


def ssds(count: int, **more: object) -> list[FakeSsd]:
    """That many SSDs in one host: SN01 at 0000:01:00.0 and so on."""
    return [FakeSsd(f"0000:{number:02x}:00.0", f"SN{number:02}", **more) for number in range(1, count + 1)]


def namespaces(*names: str, region: int = 0, **more: object) -> list[FakeNamespace]:
    """Namespaces of one region, of these names: namespace0.0 and so on."""
    return [FakeNamespace(f"namespace{region}.{number}", name, **more) for number, name in enumerate(names)]


def patched(target: object, name: str, replacement: Callable[..., object]) -> "mock._patch[object]":
    return mock.patch.object(target, name, replacement)
