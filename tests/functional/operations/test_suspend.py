"""Suspend and resume: an SSD leaves the guest and comes back; persistent memory is refused before anything happened."""

import pytest

from tests.functional.operations.case import SSD, OperationsTestCase
from tests.functional.operations.fates import SUSPENDED
from tests.functional.operations.held import Had


class SuspendTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(device_detach_timeout=1, device_detach_attempts=2, group="libvirt")
        self.start_hosts(1)

    def suspended(self, had: Had) -> None:
        self.action(had.server, "SUSPENDED", suspend={})

    @pytest.mark.essential
    def test_ssds_leave_the_guest_and_come_back_also_after_a_restart(self) -> None:
        had = self.boot_with_data(self.flavor_of(SSD, SSD))
        self.suspended(had)
        self.after("suspend", had.is_(SUSPENDED))
        self.action(had.server, "ACTIVE", resume={})
        self.after_kept("resume", had)
        self.suspended(had)
        self.restart_compute_service("compute1")
        self.after("restart of nova-compute while suspended", had.is_(SUSPENDED))
        self.action(had.server, "ACTIVE", resume={})
        self.after_kept("resume after a restart of nova-compute", had)
        self.suspended(had)
        self.delete(had.server)
        self.after("delete while suspended")

    def test_with_persistent_memory_it_is_refused_and_the_server_goes_on_with_all_it_had(self) -> None:
        had = self.boot_with_data()
        self.api.post_server_action(had.server["id"], {"suspend": {}})
        server = self._wait_for_state_change(had.server, "ACTIVE")
        assert server["OS-EXT-STS:task_state"] is None
        self.after_kept("suspend refused with persistent memory", had)

    def test_a_guest_that_does_not_let_go_goes_on_with_all_it_had(self) -> None:
        had = self.boot_with_data(self.flavor_of(SSD, SSD))
        guest = self.connections["compute1"].lookupByUUIDString(had.server["id"])
        guest.does_not_let_go = True
        self.api.post_server_action(had.server["id"], {"suspend": {}})
        server = self._wait_for_state_change(had.server, "ACTIVE")
        assert server["OS-EXT-STS:task_state"] is None
        self.after_kept("suspend of a guest that does not let go", had)
        guest.does_not_let_go = False
        self.suspended(had)
        self.after("suspend once it lets go", had.is_(SUSPENDED))

    def test_a_suspended_server_that_is_started_hard_has_its_ssd_again(self) -> None:
        had = self.boot_with_data(self.flavor_of(SSD))
        self.suspended(had)
        self._reboot_server(had.server, hard=True)
        self.after_kept("hard reboot of a suspended server", had)
