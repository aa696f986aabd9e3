"""What an operator switches off: the service, the host, the drivers, the whole package. Nothing is offered twice."""

from nova.virt.libvirt import driver as libvirt_driver

from tests.functional.operations import documented
from tests.functional.operations.case import SIX, SSD, OperationsTestCase
from tests.functional.operations.fates import KEPT


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

    def disable(self, status: str = "disabled") -> None:
        (service,) = self.api.get_services(binary="nova-compute", host="compute1")
        self.api.put_service(service["id"], {"status": status})

    def remove_our_providers(self) -> None:
        """By the commands of the documentation."""
        commands = documented.block(documented.RETIRE, "for uuid in", "compute1")
        _, deleted = documented.run(commands, self.all_providers(), self.folder)
        assert deleted
        for uuid in deleted:
            assert self.placement.delete(f"/resource_providers/{uuid}").status == 204
        assert self.our_providers() == {}
        assert "compute1" in self.all_providers().values()

    def all_providers(self) -> dict[str, str]:
        found = self.placement.get("/resource_providers", version="1.14").body["resource_providers"]
        return {one["uuid"]: one["name"] for one in found}

    def test_what_a_server_leaves_while_no_driver_is_enabled_is_cleaned_once_one_is(self) -> None:
        self.disable()
        self.flags(enabled_drivers=[], group="nova_accel")
        self.restart_compute_service("compute1")
        self.delete(self.had.server)
        assert self.five.content(self.had.handles)
        self.flags(enabled_drivers=list(self.enabled_drivers), group="nova_accel")
        self.restart_compute_service("compute1")
        self.after("delete while no driver is enabled, and back")

    def test_going_back_to_libvirtdriver_leaves_nothing_and_coming_again_offers_everything_once(self) -> None:
        self.disable()
        self.delete(self.had.server)
        self.after("delete before LibvirtDriver")
        # Nova's tracker would go on with what it remembers of them: none of its claims would succeed.
        self.crash("compute1")
        self.remove_our_providers()
        self.flags(compute_driver="libvirt.LibvirtDriver")
        self.come_back("compute1")
        assert type(self.computes["compute1"].driver) is libvirt_driver.LibvirtDriver
        self.disable("enabled")
        self.boot(self.flavor_of(SSD), "ERROR")
        self.boot(self.flavor_of())
        self.flags(compute_driver="accel.AccelLibvirtDriver")
        self.restart_compute_service("compute1")
        self.after("LibvirtDriver, and back")
        self.after_kept("boot after that", self.boot_with_data())

    def test_a_host_that_is_taken_out_of_nova_leaves_nothing_in_placement(self) -> None:
        whole = documented.block(documented.RETIRE, "openstack resource provider list", "compute1")
        looks = "\n".join(whole.splitlines()[:2])
        self.delete(self.had.server)
        self.after("delete before the host is removed")
        before, _ = documented.run(looks, self.all_providers(), self.folder)
        assert {line.split()[1] for line in before.splitlines()} == {"compute1", *self.our_providers()}
        self.computes["compute1"].stop()
        (service,) = self.admin_api.get_services(host="compute1", binary="nova-compute")
        self.admin_api.api_delete(f"/os-services/{service['id']}")
        assert self.our_providers() == {}
        left, _ = documented.run(looks, self.all_providers(), self.folder)
        assert left == ""


class DriverDisabledTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1)

    def enable(self, *drivers: str) -> None:
        self.flags(enabled_drivers=list(drivers), group="nova_accel")
        self.restart_compute_service("compute1")

    def test_a_server_whose_driver_is_disabled_is_not_started_keeps_everything_and_goes_on_once_it_is_enabled_again(
        self,
    ) -> None:
        had = self.boot_with_data()
        stays = self.boot_with_data(self.flavor_of(SSD))
        self.enable("intel_pmem_driver")
        self.after_kept("SSD drivers disabled under two servers", had, stays)
        other = self.boot_with_data(self.flavor_of(SIX))
        self.boot(self.flavor_of(SSD), "ERROR")
        self.after_kept("SSD drivers disabled, another boot", had, stays, other)
        self.action(had.server, "SHUTOFF", os__stop=None)
        self.after_kept("SSD drivers disabled, stop", had, stays, other)
        self.api.post_server_action(had.server["id"], {"os-start": None})
        self._wait_for_action_fail_completion(had.server, "start", "compute_start_instance")
        # Nova takes the domain away before it makes another one.
        down = had.is_(KEPT.but(domains={False}))
        self.after("SSD drivers disabled, start refused", down, stays.is_(KEPT), other.is_(KEPT))
        self.enable(*self.enabled_drivers)
        self.after("SSD drivers enabled again", down, stays.is_(KEPT), other.is_(KEPT))
        self.action(had.server, "ACTIVE", os__start=None)
        self._reboot_server(stays.server, hard=True)
        self.after_kept("SSD drivers enabled again, start, and hard reboot of what ran on", had, stays, other)
        self.enable("intel_pmem_driver")
        self.delete(had.server)
        self.round("compute1")
        self.enable(*self.enabled_drivers)
        self.delete(stays.server)
        self.after_kept("delete while SSD drivers are disabled, and once they are enabled again", other)
