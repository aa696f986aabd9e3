"""What an operator switches off: the service, the host, the drivers, the whole package. Nothing is offered twice."""

from nova.virt.libvirt import driver as libvirt_driver

from tests.functional.operations.case import SSD, OperationsTestCase


class SwitchedOffTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1)
        self.had = self.boot_with_data()

    def test_a_disabled_service_keeps_what_its_servers_have_and_still_cleans(self) -> None:
        other = self.boot_with_data()
        (service,) = self.api.get_services(binary="nova-compute", host="compute1")
        self.api.put_service(service["id"], {"status": "disabled"})
        self.delete(other.server)
        self.after_kept("delete while the service is disabled", self.had)
        self.restart_compute_service("compute1")
        self.after_kept("restart while the service is disabled", self.had)
        self.api.put_service(service["id"], {"status": "enabled"})
        self.after_kept("service enabled again", self.had, self.boot_with_data())

    def offered(self) -> dict[str, set[str]]:
        """What Nova may give to a server, by provider."""
        tree = self.computes["compute1"].manager.rt.provider_tree
        found = {name: tree.data(name).resources for name in self.our_providers() if tree.exists(name)}
        return {
            name: {one.identifier for ones in resources.values() for one in ones} for name, resources in found.items()
        }

    def restart_with(self, **options: object) -> None:
        self.flags(group="nova_accel", **options)
        self.restart_compute_service("compute1")

    def test_without_its_drivers_nothing_is_offered_and_nothing_forgotten(self) -> None:
        self.restart_with(enabled_drivers=[])
        self.boot(self.flavor_of(SSD), "ERROR")
        self.audit()
        self.delete(self.had.server)
        self.boot(self.flavor_of(SSD), "ERROR")
        self.restart_with(enabled_drivers=list(self.enabled_drivers))
        self.after("drivers enabled again after a delete")

    def test_with_libvirtdriver_again_nothing_is_offered_and_nothing_forgotten(self) -> None:
        self.flags(compute_driver="libvirt.LibvirtDriver")
        self.restart_compute_service("compute1")
        assert type(self.computes["compute1"].driver) is libvirt_driver.LibvirtDriver
        self.boot(self.flavor_of(SSD), "ERROR")
        self.delete(self.had.server)
        self.boot(self.flavor_of(SSD), "ERROR")
        self.flags(compute_driver="accel.AccelLibvirtDriver")
        self.restart_compute_service("compute1")
        self.after("our driver again after a delete under LibvirtDriver")
