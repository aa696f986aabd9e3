"""What Nova does beside the devices leaves them alone, and what cannot be done is refused with all as it was."""

from collections.abc import Callable
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.virt.libvirt import driver as libvirt_driver

from nova_accel.virt.driver import AccelLibvirtDriver
from tests.functional import base
from tests.functional.operations.case import OperationsTestCase

DRIVER = libvirt_driver.LibvirtDriver


class BesideTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(device_detach_timeout=1, device_detach_attempts=2, group="libvirt")
        self.start_hosts(1, 2)
        self.had = self.boot_with_data()
        self.server = self.had.server

    def test_volumes_and_interfaces_come_and_go(self) -> None:
        self.flags(host="compute1")
        volume = self.cinder.IMAGE_BACKED_VOL
        self._attach_volume(self.server, volume)
        self.after_kept("attach a volume", self.had)
        self.api.delete_server_volume(self.server["id"], volume)
        self._wait_for_volume_detach(self.server["id"], volume)
        self.after_kept("detach a volume", self.had)
        port = self.neutron.create_port({"port": self.neutron.port_2})["port"]["id"]
        self._attach_interface(self.server, port)
        self.after_kept("attach an interface", self.had)
        self._detach_interface(self.server, port)
        self.after_kept("detach an interface", self.had)

    def test_console_tags_and_metadata_are_as_those_of_a_server_without_devices(self) -> None:
        self.flags(host="compute1")
        port = self.neutron.create_port({"port": self.neutron.port_2})["port"]["id"]
        plain = self.boot(self.flavor_of(), host="compute1")
        seen = [self.console(plain), self.metadata(plain), *self.tagged(plain, self.cinder.IMAGE_BACKED_VOL, port)]
        assert [one for shown in seen[2:] for _, tags in shown for one in tags] == ["for data", "for traffic"] * 2
        self.delete(plain)
        ours = [self.console(self.server), self.metadata(self.server)]
        ours += self.tagged(self.server, self.cinder.IMAGE_BACKED_VOL, port)
        assert ours == seen
        self.after_kept("console, metadata, a tagged volume and interface", self.had)

    def console(self, server: dict) -> str:
        (console,) = base.elements(self.domain_xml(server), "devices/console/source")
        exists: Callable[[str], bool] = libvirt_driver.os.path.exists
        with (
            base.patched(libvirt_driver.os.path, "exists", lambda path: path == console.get("path") or exists(path)),
            base.patched(DRIVER, "_get_console_output_file", lambda *_: b"login:"),
        ):
            return str(self.api.post_server_action(server["id"], {"os-getConsoleOutput": {}})["output"])

    def metadata(self, server: dict) -> Any:
        self.api.post_server_metadata(server["id"], {"rack": "7"})
        return self.api.get_server(server["id"])["metadata"]

    def tagged(self, server: dict, volume: str, port: str) -> list[list[tuple[str, list[str]]]]:
        """The server's devices that have a tag, as the metadata service shows them in the guest: before a hard reboot, and after it."""
        self.api.post_server_volume(server["id"], {"volumeAttachment": {"volumeId": volume, "tag": "for data"}})
        self._wait_for_volume_attach(server["id"], volume)
        self.api.attach_interface(server["id"], {"interfaceAttachment": {"port_id": port, "tag": "for traffic"}})
        self.notifier.wait_for_versioned_notifications("instance.interface_attach.end")
        found = [self.shown(server)]
        self._reboot_server(server, hard=True)
        return [*found, self.shown(server)]

    @staticmethod
    def shown(server: dict) -> list[tuple[str, list[str]]]:
        instance = objects.Instance.get_by_uuid(nova_context.get_admin_context(), server["id"], ["device_metadata"])
        return [(type(one).__name__, one.tags) for one in instance.device_metadata.devices]

    def test_live_migration_is_refused_and_leaves_everything_as_it_was(self) -> None:
        for host in (None, "compute2"):
            self.api.post_server_action(
                self.server["id"], {"os-migrateLive": {"host": host, "block_migration": "auto"}}
            )
            self._wait_for_state_change(self.server, "ACTIVE")
            self.after_kept(f"live migration refused{', a host named' if host else ''}", self.had)


class OntoLibvirtDriverTest(OperationsTestCase):
    def test_live_migration_to_a_host_with_libvirtdriver_is_refused_by_the_source(self) -> None:
        self.start_hosts(1, 2)
        had = self.boot_with_data()
        self.crash("compute2")
        self.flags(compute_driver="libvirt.LibvirtDriver")
        self.come_back("compute2")
        # Placement has its providers still, and there is nobody there who could be asked about the devices.
        del self.machines["compute2"]
        asked = []
        check = AccelLibvirtDriver.check_can_live_migrate_source

        def counted(driver: object, *args: object, **kwargs: object) -> object:
            asked.append(driver)
            return check(driver, *args, **kwargs)

        with base.patched(AccelLibvirtDriver, "check_can_live_migrate_source", counted):
            self.api.post_server_action(
                had.server["id"], {"os-migrateLive": {"host": "compute2", "block_migration": "auto"}}
            )
            self._wait_for_state_change(had.server, "ACTIVE")
            self._wait_for_server_parameter(had.server, {"OS-EXT-STS:task_state": None})
        assert asked == [self.computes["compute1"].driver]
        assert "is not live-migrated: it has devices of its host" in self.stdlog.logger.output
        self.after_kept("live migration refused by the source, the destination has LibvirtDriver", had)
