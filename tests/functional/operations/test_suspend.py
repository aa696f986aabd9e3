"""Suspend and resume: an SSD leaves the guest and comes back; persistent memory is refused before anything happened."""

from dataclasses import replace

import pytest

from nova_accel.virt import save_room
from tests.functional import base
from tests.functional.operations.case import SSD, OperationsTestCase
from tests.functional.operations.fates import KEPT, SUSPENDED
from tests.functional.operations.held import Expected, Had


def saved(had: Had) -> tuple[Expected, Expected]:
    """What is expected of a suspended server's SSDs, which are out, and of its memory, which libvirt has saved."""
    ssds = frozenset(one for one in had.handles if one.identity.startswith("SN"))
    return replace(had, handles=ssds).is_(SUSPENDED), replace(had, handles=had.handles - ssds).is_(KEPT)


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

    def lets_memory_be_saved(self) -> None:
        self.flags(suspend_with_pmem=True, group="nova_accel")
        self.restart_compute_service("compute1")

    def test_persistent_memory_is_saved_by_option_and_comes_back_by_what_it_is(self) -> None:
        self.lets_memory_be_saved()
        had = self.boot_with_data()
        with base.patched(save_room.os, "statvfs", base.room_for(32)):
            self.suspended(had)
        self.after("suspend with persistent memory, by option", *saved(had))
        self.names_another_path_in_what_was_saved(had)
        self.action(had.server, "ACTIVE", resume={})
        self.after_kept("resume with persistent memory, its path changed meanwhile", had)

    def names_another_path_in_what_was_saved(self, had: Had) -> None:
        """As one that libvirt saved when its guest was started from the path of a dax device."""
        guest = self.guest_of(had)
        (path,) = guest.saved.findall("devices/memory/source/path")
        path.text = "/dev/dax1.0"

    def test_what_was_saved_with_another_servers_memory_is_not_resumed(self) -> None:
        self.lets_memory_be_saved()
        had = self.boot_with_data()
        with base.patched(save_room.os, "statvfs", base.room_for(32)):
            self.suspended(had)
        (alias,) = self.guest_of(had).saved.findall("devices/memory/alias")
        own = alias.get("name")
        alias.set("name", "ua-accel-00000000-0000-4000-8000-000000000000")
        self.api.post_server_action(had.server["id"], {"resume": {}})
        self._wait_for_action_fail_completion(had.server, "resume", "compute_resume_instance")
        self.after("resume refused, for what was saved is not its own", *saved(had))
        alias.set("name", own)
        self.action(had.server, "ACTIVE", resume={})
        self.after_kept("resume of what was saved after all", had)

    def test_without_room_for_its_memory_a_server_goes_on_with_all_it_had(self) -> None:
        self.lets_memory_be_saved()
        had = self.boot_with_data()
        with base.patched(save_room.os, "statvfs", base.room_for(0.1)):
            self.api.post_server_action(had.server["id"], {"suspend": {}})
            self._wait_for_action_fail_completion(had.server, "suspend", "compute_suspend_instance")
        self.after_kept("suspend refused for want of room", had)

    def of_two(self) -> tuple[Had, str, str]:
        """A server with two SSDs, and their aliases in the order in which its guest has them."""
        had = self.boot_with_data(self.flavor_of(SSD, SSD))
        first, second = (
            str(one.get("name")) for one in base.elements(self.domain_xml(had.server), "devices/hostdev/alias")
        )
        return had, first, second

    def not_suspended(self, had: Had, operation: str) -> None:
        self.api.post_server_action(had.server["id"], {"suspend": {}})
        self._wait_for_action_fail_completion(had.server, "suspend", "compute_suspend_instance")
        server = self._wait_for_state_change(had.server, "ACTIVE")
        assert server["OS-EXT-STS:task_state"] is None
        self.after_kept(operation, had)

    def not_resumed(self, had: Had, operation: str, status: str = "SUSPENDED") -> None:
        self.api.post_server_action(had.server["id"], {"resume": {}})
        self._wait_for_action_fail_completion(had.server, "resume", "compute_resume_instance")
        self._wait_for_state_change(had.server, status)
        self.after(operation, had.is_(SUSPENDED))

    def test_a_guest_that_does_not_let_go_goes_on_with_all_it_had(self) -> None:
        had, first, second = self.of_two()
        guest = self.guest_of(had)
        guest.does_not_let_go_of = (first, second)
        self.not_suspended(had, "suspend of a guest that does not let go")
        guest.does_not_let_go_of = (second,)
        self.not_suspended(had, "suspend of a guest that does not let go of the second")
        guest.does_not_let_go_of = ()
        self.suspended(had)
        self.after("suspend once it lets go", had.is_(SUSPENDED))

    def test_a_guest_that_cannot_be_saved_has_back_what_had_left_it(self) -> None:
        had, _, _ = self.of_two()
        self.guest_of(had).cannot_be_saved = True
        self.not_suspended(had, "suspend of a guest that cannot be saved")

    def test_a_guest_that_does_not_take_a_device_back_stays_suspended_with_what_was_saved(self) -> None:
        had, first, second = self.of_two()
        self.suspended(had)
        for refused, which in ((first, "first"), (second, "second")):
            self.guest_of(had).does_not_take = (refused,)
            self.not_resumed(had, f"resume that fails at the {which} device")
        self.guest_of(had).does_not_take = ()
        self.action(had.server, "ACTIVE", resume={})
        self.after_kept("resume after that", had)

    def test_a_guest_that_runs_without_its_devices_has_them_again_after_a_hard_reboot(self) -> None:
        had, _, second = self.of_two()
        self.suspended(had)
        self.guest_of(had).does_not_take = (second,)
        self.guest_of(had).cannot_be_saved = True
        self.not_resumed(had, "resume that fails, and the guest cannot be saved again", "ERROR")
        assert "runs without all of its devices until a hard reboot" in self.fault(had.server)
        self.guest_of(had).does_not_take = ()
        self.guest_of(had).cannot_be_saved = False
        self._reboot_server(had.server, hard=True)
        self.after_kept("hard reboot of a server that ran without its devices", had)

    def test_a_suspended_server_that_is_started_hard_has_its_ssd_again(self) -> None:
        had = self.boot_with_data(self.flavor_of(SSD))
        self.suspended(had)
        self._reboot_server(had.server, hard=True)
        self.after_kept("hard reboot of a suspended server", had)
