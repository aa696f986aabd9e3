"""What could not be started again is refused while the server still has its guest and its disk."""

from pathlib import Path

import pytest
from nova import exception as nova_exception
from nova.virt.libvirt import driver as libvirt_driver

from tests.functional import base
from tests.functional.operations.case import IMAGE, SSD, OperationsTestCase
from tests.functional.operations.fates import CLEAN, EMPTY, KEPT, SUSPENDED
from tests.functional.operations.foreseen import ForeseenCase

UNBACKED = KEPT.but(words="kept, reserved", placement={"reserved"})
"""Nova gives the allocation of a server back that it does not rebuild, also where it has not begun."""
ROLLED_BACK = nova_exception.InstanceFaultRollback(nova_exception.ResizeError(reason="for this test"))


class ForeseenTest(ForeseenCase):
    def test_a_hard_reboot_without_the_ledger_leaves_the_guest_running(self) -> None:
        self.start_hosts(1)
        had = self.boot_with_data()
        with self.without_ledger(), self.watching_destroys() as ended:
            for sort in ("HARD", "SOFT"):
                self.not_rebooted(had, sort)
            assert ended == []
        self.after_kept("reboot refused, the ledger cannot be used", had)
        self._reboot_server(had.server, hard=True)
        self.after_kept("hard reboot once it can be used", had)

    def test_what_is_quarantined_is_not_touched_by_a_hard_reboot(self) -> None:
        self.start_hosts(1)
        had = self.boot_with_data(self.flavor_of(SSD))
        (held,) = had.handles
        self.ledger().quarantine(self.entry(held.identity).handle, "it hangs")
        with self.watching_destroys() as ended:
            self.not_rebooted(had, "HARD")
        assert ended == []
        self.after_kept("hard reboot refused, its SSD is quarantined", had)
        self.ledger().operator.undrain(held.identity)
        self._reboot_server(had.server, hard=True)
        self.after_kept("hard reboot after an undrain", had)

    def test_a_server_whose_rescue_cannot_be_ended_goes_on_in_it(self) -> None:
        self.start_hosts(1)
        had = self.boot_with_data()
        Path(base.CONF.instances_path, had.server["id"]).mkdir()
        self._rescue_server(had.server)
        with self.without_ledger(), self.watching_destroys() as ended:
            self.api.post_server_action(had.server["id"], {"unrescue": None})
            self._wait_for_action_fail_completion(had.server, "unrescue", "compute_unrescue_instance")
        assert (ended, self.is_active(had)) == ([], True)
        self._reboot_server(had.server, hard=True)
        self.after_kept("unrescue refused, the ledger cannot be used; then a hard reboot", had)

    def test_a_rebuild_without_the_ledger_leaves_guest_and_disk_alone(self) -> None:
        self.start_hosts(1)
        had = self.boot_with_data()
        with self.without_ledger(), self.watching_destroys() as ended:
            self.not_rebuilt(had, "is not rebuilt and goes on as before")
            assert ended == []
        self.after("rebuild refused, the ledger cannot be used", had.is_(UNBACKED))
        self.delete(had.server)
        self.after("rebuild refused, then delete", had.is_(CLEAN))

    def test_a_rebuild_is_refused_where_others_erase_and_leaves_guest_and_disk_alone(self) -> None:
        self.flags(one_time_use=True, group="nova_accel")
        self.start_hosts(1)
        had, plain = self.boot_with_data(), self.boot(self.flavor())
        with self.watching_destroys() as ended:
            self.not_rebuilt(had, "one_time_use is set")
            assert ended == []
        self.after("rebuild refused with one_time_use", had.is_(UNBACKED))
        self._rebuild_server(plain, IMAGE)

    def test_a_server_that_has_nothing_of_ours_does_not_need_the_ledger(self) -> None:
        self.start_hosts(1)
        plain = self.boot(self.flavor())
        with self.without_ledger():
            self._reboot_server(plain, hard=True)
            self._rebuild_server(plain, IMAGE)

    def test_a_guest_whose_stored_xml_lacks_its_device_is_not_rebooted_softly(self) -> None:
        self.start_hosts(1)
        had = self.boot_with_data(self.flavor_of(SSD))
        guest = self.guest_of(had)
        (stored,) = guest.as_defined.findall("devices/hostdev")
        guest.as_defined.find("devices").remove(stored)
        self.not_rebooted(had, "SOFT")
        self.hears("a hard reboot makes the XML anew")
        self._reboot_server(had.server, hard=True)
        self.after_kept("soft reboot refused, its stored XML lacks the device; then a hard one", had)

    def test_a_suspended_server_whose_domain_is_gone_begins_anew_with_its_devices(self) -> None:
        self.start_hosts(1)
        had = self.boot_with_data(self.flavor_of(SSD, SSD))
        self.action(had.server, "SUSPENDED", suspend={})
        self.guest_of(had).undefine()
        self.action(had.server, "ACTIVE", resume={})
        self.after_kept("resume of a server whose domain is gone", had)

    def test_a_guest_that_a_snapshot_leaves_without_its_device_is_said_to_be_stopped(self) -> None:
        self.flags(disable_libvirt_livesnapshot=True, group="workarounds")
        self.start_hosts(1)
        had = self.boot_with_data(self.flavor_of(SSD, SSD))
        second = str(
            [one.get("name") for one in base.elements(self.domain_xml(had.server), "devices/hostdev/alias")][1]
        )
        self.guest_of(had).does_not_take = (second,)
        self.api.post_server_action(had.server["id"], {"createImage": {"name": "cold"}})
        self.hears("did not get its devices back after its snapshot, so it does not run")
        self._wait_for_server_parameter(had.server, {"OS-EXT-STS:task_state": None})
        self.after("cold snapshot, an SSD does not come back", had.is_(SUSPENDED))
        self.guest_of(had).does_not_take = ()
        self._reboot_server(had.server, hard=True)
        self.after_kept("hard reboot after that", had)


class AfterAMoveThatDidNotBeginTest(OperationsTestCase):
    """Nova keeps what a move was to give a server, and would start a rebuilt one with it."""

    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1, 2)

    def does_not_begin(self, server: dict, **action: object) -> None:
        with self.failing(libvirt_driver.LibvirtDriver, "migrate_disk_and_power_off", ROLLED_BACK):
            self.api.post_server_action(server["id"], action)
            self._wait_for_state_change(server, "ACTIVE")

    @pytest.mark.essential
    def test_a_rebuild_gives_a_server_what_it_had(self) -> None:
        had = self.boot_with_data()
        self.does_not_begin(had.server, migrate=None)
        self._rebuild_server(had.server, IMAGE)
        self.after("rebuild after a migration that did not begin", had.is_(EMPTY))

    def test_a_rebuild_gives_a_server_nothing_that_had_nothing(self) -> None:
        plain = self.boot(self.flavor(), host="compute1")
        self.does_not_begin(plain, resize={"flavorRef": self.both()})
        self._rebuild_server(plain, IMAGE)
        assert self.in_instance(plain) == []
        self.after("rebuild after a resize that did not begin")

    def test_a_rebuild_on_the_same_host_gives_a_server_what_it_had(self) -> None:
        self.flags(allow_resize_to_same_host=True)
        had = self.boot_with_data(self.flavor_of(SSD))
        self.computes["compute2"].stop()
        self._force_down("compute2", True)
        self.does_not_begin(had.server, resize={"flavorRef": self.both()})
        self._rebuild_server(had.server, IMAGE)
        self.computes["compute2"].start()
        self._force_down("compute2", False)
        self.after("rebuild after a resize in place that did not begin", had.is_(EMPTY))
