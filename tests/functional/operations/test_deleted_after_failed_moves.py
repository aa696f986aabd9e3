"""Whatever step of a move has failed: once the server is deleted, everything is clean and offered again, on either host."""

import time
from collections.abc import Callable

import fixtures
import pytest
from nova import context as nova_context
from nova import exception as nova_exception
from nova.compute import resource_tracker
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest

from tests.functional.operations.case import OperationsTestCase
from tests.functional.operations.fates import CLEAN, DESTINATION, PROMISED, RESERVED

BROKEN = nova_exception.InternalError("broken for this test")
NO_ROOM = nova_exception.ComputeResourcesUnavailable(reason="for this test")
ROLLED_BACK = nova_exception.InstanceFaultRollback(nova_exception.ResizeError(reason="for this test"))
DRIVER = libvirt_driver.LibvirtDriver
TRACKER = resource_tracker.ResourceTracker
LEFT = RESERVED.but(nova={"old"})
FORGOTTEN = CLEAN.but("clean, still allocated to Nova's migration", placement={"migration"})


class DeletedAfterFailedMovesTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch("nova_accel.virt.forgotten._EVERY_S", 0.0))
        self.start_hosts(1, 2)

    def fails(self, target: object, name: str, status: str, error: Exception = BROKEN) -> Callable[[dict], None]:
        """What migrates a server while a step fails."""

        def migrate(server: dict) -> None:
            with self.failing(target, name, error):
                self.api.post_server_action(server["id"], {"migrate": None})
            self._wait_for_state_change(server, status)

        return migrate

    def fails_later(self, name: str, action: str) -> Callable[[dict], None]:
        """What migrates a server and fails when the user has decided."""

        def decide(server: dict) -> None:
            self.action(server, "VERIFY_RESIZE", migrate=None)
            self.has_written(server, "compute2")
            with self.failing(DRIVER, name, BROKEN), self.on("compute1"):
                self.action(server, "ERROR", **{action: None})

        return decide

    def test_a_delete_cleans_up_whatever_step_failed(self) -> None:
        for words, fail, host in (
            ("the claim", self.fails(TRACKER, "resize_claim", "ERROR", NO_ROOM), "compute1"),
            ("power off", self.fails(DRIVER, "migrate_disk_and_power_off", "ACTIVE", ROLLED_BACK), "compute1"),
            ("finish_resize", self.fails(DRIVER, "finish_migration", "ERROR"), "compute2"),
            ("the new guest", self.fails(libvirt_guest.Guest, "create", "ERROR"), "compute2"),
            ("the confirmation", self.fails_later("confirm_migration", "confirmResize"), "compute2"),
        ):
            server = self.boot_with_data().server
            fail(server)
            with self.on(host):
                self.delete(server)
            self.after(f"migration fails at {words}, then delete")
        assert "resource provider allocation delete" not in self.stdlog.logger.output

    @pytest.mark.essential
    def test_what_nova_keeps_for_a_revert_that_failed_at_the_destination_is_clean_and_an_operator_frees_it(
        self,
    ) -> None:
        old = self.boot_with_data()
        self.fails_later("destroy", "revertResize")(old.server)
        (migration,) = (one["uuid"] for one in self.api.api_get("/os-migrations").body["migrations"])
        with self.on("compute2"):
            self.delete(old.server)
        self.after("revert fails at the destination, then delete", old.is_(FORGOTTEN))
        self.settle()
        for words in (
            f"as taken by {migration}, the migration of server {old.server['id']}, which was deleted",
            f"openstack resource provider allocation delete {migration}",
        ):
            assert words in self.stdlog.logger.output
        self.placement.delete(f"/allocations/{migration}")
        self.after("revert fails at the destination, then delete, allocation of the migration deleted")

    def test_a_confirmation_by_nova_itself_fails(self) -> None:
        self.flags(resize_confirm_window=1)
        old = self.boot_with_data()
        self.action(old.server, "VERIFY_RESIZE", migrate=None)
        new = self.has_written(old.server, "compute2")
        time.sleep(1.1)
        with self.failing(DRIVER, "confirm_migration", BROKEN), self.on("compute1"):
            self.computes["compute2"].manager._poll_unconfirmed_resizes(nova_context.get_admin_context())
            self._wait_for_state_change(old.server, "ERROR")
        self.after("confirmation by resize_confirm_window fails", old.is_(LEFT), new.is_(DESTINATION))
        with self.on("compute2"):
            self.delete(old.server)
        self.after("confirmation by resize_confirm_window fails, then delete")


class FailedInPlaceTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(allow_resize_to_same_host=True)
        self.start_hosts(1)

    def test_a_resize_on_the_same_host_fails_before_its_devices_are_others(self) -> None:
        for words, error, late, status in (
            ("before the power is off", ROLLED_BACK, False, "ACTIVE"),
            ("after the power is off", BROKEN, True, "ERROR"),
        ):
            old = self.boot_with_data()
            content = self.five.content(old.handles)
            self.resize(old.server, "migrate_disk_and_power_off", error, late, status)
            self.settle()
            # Nova's tracker takes the server for moved, so what it has is reserved beside its allocation.
            assert self.five.held(old.server["id"], "compute1") == old.handles
            assert self.five.content(old.handles) == content
            self.delete(old.server)
            self.after(f"resize on the same host fails {words}, then delete")

    def test_a_resize_on_the_same_host_fails_at_its_new_devices(self) -> None:
        for words, late, fate in (
            ("before the new guest", False, PROMISED),
            ("when the guest has run", True, DESTINATION),
        ):
            old = self.boot_with_data()
            server = self.resize(old.server, "finish_migration", BROKEN, late, "ERROR")
            new = self.to_be_claimed(server, "compute1")
            self.after(f"resize on the same host fails {words}", old.is_(LEFT), new.is_(fate))
            self.delete(server)
            self.after(f"resize on the same host fails {words}, then delete")

    def resize(self, server: dict, step: str, error: Exception, late: bool, status: str) -> dict:
        """Resize, and let a step fail."""
        with self.failing(DRIVER, step, error, late):
            self.api.post_server_action(server["id"], {"resize": {"flavorRef": self.both()}})
        return self._wait_for_state_change(server, status)
