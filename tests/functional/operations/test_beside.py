"""What Nova does beside the devices leaves them alone, and what cannot be done is refused with all as it was."""

from tests.functional.operations.case import OperationsTestCase


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

    def test_live_migration_is_refused_and_leaves_everything_as_it_was(self) -> None:
        for host in (None, "compute2"):
            self.api.post_server_action(
                self.server["id"], {"os-migrateLive": {"host": host, "block_migration": "auto"}}
            )
            self._wait_for_state_change(self.server, "ACTIVE")
            self.after_kept(f"live migration refused{', a host named' if host else ''}", self.had)
