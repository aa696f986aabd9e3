"""Evacuation claims anew; the old host cleans what was left there before it offers it."""

import pytest
from nova import exception as nova_exception
from nova.compute import manager, resource_tracker
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest

from tests.functional import base
from tests.functional.operations.case import LARGE, SIX, SSD, OperationsTestCase
from tests.functional.operations.fates import KEPT, RESERVED
from tests.functional.operations.rebooting import reboot

BROKEN = nova_exception.InternalError("broken for this test")
# Nova leaves the migration context of an evacuation that failed with its server.
STAYED = KEPT.but(nova={"resources", "old"})
IN_VAIN = RESERVED.but(nova={"new"})


class EvacuateTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1, 2)
        self.old = self.boot_with_data()
        self.server = self.old.server

    def evacuate(self) -> None:
        self.crash("compute1")
        with self.on("compute2"):
            self._evacuate_server(self.server, expected_host="compute2", expected_state="ACTIVE")
        self.new = self.has(self.server, "compute2")
        assert self.five.content(self.new.handles) == []
        self.five.write(self.server["id"], self.new.handles)

    def fill_and_clean_the_destination(self) -> None:
        """Every device there has held another server's data."""
        other = self.boot_with_data(self.flavor_of(SSD, SSD, SIX, SIX, LARGE), host="compute2")
        self.delete(other.server)
        self.after_kept("delete at what will be the destination", self.old)

    @pytest.mark.essential
    def test_the_old_host_cleans_what_was_left_there_once_it_is_back(self) -> None:
        self.evacuate()
        self.come_back("compute1")
        self.after_kept("evacuation, old host back again", self.new)

    def test_the_old_host_may_have_been_rebooted_meanwhile(self) -> None:
        self.fill_and_clean_the_destination()
        self.evacuate()
        reboot(self.machines["compute1"], self.connections["compute1"], renumbered=True)
        self.come_back("compute1")
        self.after_kept("evacuation, old host rebooted", self.new)

    def test_instance_storage_may_be_shared(self) -> None:
        with (
            base.patched(manager.ComputeManager, "_is_instance_storage_shared", lambda *_, **__: True),
            base.patched(libvirt_driver.LibvirtDriver, "instance_on_disk", lambda *_: True),
        ):
            self.evacuate()
            self.come_back("compute1")
            self.after_kept("evacuation with shared instance storage", self.new)

    def test_the_evacuated_server_may_be_deleted_before_the_old_host_is_back(self) -> None:
        self.evacuate()
        self.delete(self.server)
        self.come_back("compute1")
        self.after("evacuation, delete, old host back again")

    def evacuate_in_vain(self, target: object, name: str, error: Exception, late: bool = False) -> None:
        """The destination fails, and the old host comes back."""
        self.fill_and_clean_the_destination()
        self.crash("compute1")
        with self.failing(target, name, error, late), self.on("compute2"):
            self.api.post_server_action(self.server["id"], {"evacuate": {}})
            self._wait_for_migration_status(self.server, ["failed"])
        self.come_back("compute1")

    def test_the_destination_may_have_no_room_after_all(self) -> None:
        no_room = nova_exception.ComputeResourcesUnavailable(reason="for this test")
        self.evacuate_in_vain(resource_tracker.ResourceTracker, "rebuild_claim", no_room)
        self.after_kept("evacuation fails at the destination's claim, old host back again", self.old)

    def test_the_destination_may_fail_when_the_guest_has_run(self) -> None:
        with self.writing_as_they_start("compute2"):
            self.evacuate_in_vain(libvirt_guest.Guest, "launch", BROKEN, late=True)
        new = self.has(self.server, "compute2")
        self.after(
            "evacuation fails when the guest has run, old host back again", self.old.is_(STAYED), new.is_(IN_VAIN)
        )
        with self.on("compute1"):
            self.delete(self.server)
        self.after("evacuation fails when the guest has run, then delete")
