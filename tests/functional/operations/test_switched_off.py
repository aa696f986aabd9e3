"""What an operator switches off: the service, the host, the drivers, the whole package. Nothing is offered twice."""

from tests.functional.operations.case import OperationsTestCase


class ServiceTest(OperationsTestCase):
    def test_a_disabled_service_keeps_what_its_servers_have_and_still_cleans(self) -> None:
        self.start_hosts(1)
        kept, other = self.boot_with_data(), self.boot_with_data()
        (service,) = self.api.get_services(binary="nova-compute", host="compute1")
        self.api.put_service(service["id"], {"status": "disabled"})
        self.after_kept("service disabled", kept, other)
        self.delete(other.server)
        self.after_kept("delete while the service is disabled", kept)
        self.restart_compute_service("compute1")
        self.after_kept("restart while the service is disabled", kept)
        self.api.put_service(service["id"], {"status": "enabled"})
        other = self.boot_with_data()
        self.after_kept("service enabled again", kept, other)
