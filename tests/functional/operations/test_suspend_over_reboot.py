"""A suspended server whose host is rebooted: its SSDs come back wherever they are then, with their data."""

from tests.functional.operations.case import SSD, OperationsTestCase
from tests.functional.operations.fates import SUSPENDED
from tests.functional.operations.rebooting import reboot

# After a boot an SSD is the nvme driver's until somebody binds it anew.
REBOOTED = SUSPENDED.but(drivers={"nvme"})


class SuspendOverRebootTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(device_detach_timeout=1, device_detach_attempts=2, group="libvirt")
        self.start_hosts(1)

    def test_ssds_at_new_addresses_come_back_into_the_guest_that_was_saved_before(self) -> None:
        had = self.boot_with_data(self.flavor_of(SSD, SSD))
        for number, renumbered in enumerate((False, True), 2):
            self.action(had.server, "SUSPENDED", suspend={})
            self.after("suspend", had.is_(SUSPENDED))
            machine = self.crash("compute1")
            reboot(machine, self.connections["compute1"], renumbered=renumbered, number=number)
            self.come_back("compute1")
            words = f"suspend, host reboot{', devices renumbered' if renumbered else ''}"
            self.after(words, had.is_(REBOOTED))
            self.action(had.server, "ACTIVE", resume={})
            self.after_kept(f"{words}, resume", had)
