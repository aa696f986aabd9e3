"""Snapshot, backup and rebuild: what makes an image or takes another one does not harm the devices."""

import pytest
from nova import context as nova_context
from nova import exception as nova_exception
from nova.compute import manager
from nova.tests.functional.api.client import OpenStackApiException
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest

from nova_accel.virt import save_room
from tests.functional import base
from tests.functional.operations.case import IMAGE, SSD, OperationsTestCase
from tests.functional.operations.deleting import until_it_ends
from tests.functional.operations.fates import CLEAN, EMPTY, KEPT
from tests.functional.operations.held import Had

BROKEN = nova_exception.InternalError("broken for this test")

# Nova drops the allocation of a server that it could not rebuild; the handle is its own all the same.
FAILED = KEPT.but(words="has, not clean, reserved", placement={"reserved"}, domains={True, False})
UNBACKED = EMPTY.but(words="has, empty, reserved", placement={"reserved"}, domains={True, False})


class ImagesTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(device_detach_timeout=1, device_detach_attempts=2, group="libvirt")
        self.start_hosts(1)

    def snapshot(self, had: Had, name: str) -> None:
        self._snapshot_server(had.server, name)
        self._wait_for_server_parameter(had.server, {"OS-EXT-STS:task_state": None})
        assert "Failed to snapshot" not in self.stdlog.logger.output

    def test_a_live_snapshot_and_a_backup_leave_the_devices_alone(self) -> None:
        had = self.boot_with_data()
        with base.patched(libvirt_driver.LibvirtDriver, "_live_snapshot", lambda *_: None):
            self.snapshot(had, "live")
            self.after_kept("live snapshot", had)
            backup = {"name": "nightly", "backup_type": "daily", "rotation": 1}
            self.action(had.server, "ACTIVE", createBackup=backup)
            self._wait_for_server_parameter(had.server, {"OS-EXT-STS:task_state": None})
            self.after_kept("backup", had)

    def test_a_cold_snapshot_gives_a_running_guest_its_ssds_back(self) -> None:
        self.flags(disable_libvirt_livesnapshot=True, group="workarounds")
        had = self.boot_with_data(self.flavor_of(SSD, SSD))
        self.snapshot(had, "cold")
        self.after_kept("cold snapshot", had)
        self._stop_server(had.server)
        self.snapshot(had, "stopped")
        self.after_kept("snapshot of a stopped server", had)

    def cold_snapshot_fails(self, had: Had, operation: str, status: str = "ACTIVE") -> None:
        """It leaves the server as it was, and no image."""
        images = self.image_ids()
        with until_it_ends(manager.ComputeManager, "_snapshot_instance"):
            self.api.post_server_action(had.server["id"], {"createImage": {"name": "cold"}})
        self._wait_for_server_parameter(had.server, {"status": status, "OS-EXT-STS:task_state": None})
        assert self.image_ids() == images
        self.after_kept(operation, had)

    def test_whatever_fails_in_a_cold_snapshot_the_guest_has_its_ssds(self) -> None:
        self.flags(disable_libvirt_livesnapshot=True, group="workarounds")
        had = self.boot_with_data(self.flavor_of(SSD, SSD))
        (path,) = (one.get("file") for one in base.elements(self.domain_xml(had.server), "devices/disk/source"))
        disk = self.computes["compute1"].driver.image_backend.by_libvirt_path(None, path)
        with self.failing(disk, "snapshot_extract", BROKEN):
            self.cold_snapshot_fails(had, "cold snapshot fails as the disk is read")
        with self.failing(self.glance, "update", BROKEN):
            self.cold_snapshot_fails(had, "cold snapshot fails as the image is stored")
        _, second = (one.get("name") for one in base.elements(self.domain_xml(had.server), "devices/hostdev/alias"))
        self.guest_of(had).does_not_let_go_of = (second,)
        self.cold_snapshot_fails(had, "cold snapshot of a guest that does not let go")
        self.guest_of(had).does_not_let_go_of = ()
        self.guest_of(had).cannot_be_saved = True
        self.cold_snapshot_fails(had, "cold snapshot of a guest that cannot be saved")
        self.guest_of(had).cannot_be_saved = False
        self.action(had.server, "PAUSED", pause=None)
        self.cold_snapshot_fails(had, "cold snapshot refused while paused", "PAUSED")

    def test_a_snapshot_of_a_stopped_server_with_persistent_memory(self) -> None:
        had = self.boot_with_data()
        self._stop_server(had.server)
        self.snapshot(had, "stopped")
        self.after_kept("snapshot of a stopped server with persistent memory", had)

    def test_a_cold_snapshot_with_persistent_memory_is_refused_and_leaves_no_image(self) -> None:
        self.flags(disable_libvirt_livesnapshot=True, group="workarounds")
        had, images = self.boot_with_data(), self.image_ids()
        self.api.post_server_action(had.server["id"], {"createImage": {"name": "cold"}})
        self._wait_for_server_parameter(had.server, {"status": "ACTIVE", "OS-EXT-STS:task_state": None})
        assert "[nova_accel] suspend_with_pmem" in self.stdlog.logger.output
        assert self.image_ids() == images
        self.after_kept("cold snapshot refused with persistent memory", had)

    def image_ids(self) -> set[str]:
        return {image["id"] for image in self.glance.detail(nova_context.get_admin_context())}

    def test_a_cold_snapshot_with_persistent_memory_by_option(self) -> None:
        self.flags(disable_libvirt_livesnapshot=True, group="workarounds")
        self.flags(suspend_with_pmem=True, group="nova_accel")
        self.restart_compute_service("compute1")
        had = self.boot_with_data()
        with base.patched(save_room.os, "statvfs", base.room_for(32)):
            self.snapshot(had, "cold")
        self.after_kept("cold snapshot with persistent memory, by option", had)


class RebuildTest(OperationsTestCase):
    @pytest.mark.essential
    def test_a_rebuild_wipes_the_devices_and_keeps_them(self) -> None:
        self.start_hosts(1)
        had = self.boot_with_data()
        self._rebuild_server(had.server, IMAGE)
        self.after("rebuild, on_rebuild = clean", had.is_(EMPTY))

    def test_a_rebuild_keeps_the_data_where_the_operator_wants_it(self) -> None:
        self.flags(on_rebuild="keep", group="nova_accel")
        self.start_hosts(1)
        had = self.boot_with_data()
        self._rebuild_server(had.server, IMAGE)
        self.after_kept("rebuild, on_rebuild = keep", had)

    def test_a_rebuild_whose_cleaning_fails_ends_in_error_and_gives_nothing_away(self) -> None:
        self.start_hosts(1)
        had = self.boot_with_data(self.flavor_of(SSD))
        (held,) = had.handles
        self.five.device(held).erases = False
        self.fail_to_rebuild(had)
        self.after("rebuild whose cleaning fails", had.is_(FAILED))
        other = self.boot_with_data(self.flavor_of(SSD))
        self.boot(self.flavor_of(SSD), "ERROR")
        self.after("boot of others after that", had.is_(FAILED), other.is_(KEPT))

    def test_a_rebuild_whose_guest_does_not_start_gives_nothing_away(self) -> None:
        self.start_hosts(1)
        had = self.boot_with_data()
        with self.failing(libvirt_guest.Guest, "launch", RuntimeError("no such CPU")):
            self.fail_to_rebuild(had)
        self.after("rebuild whose guest does not start", had.is_(UNBACKED))
        self.action(had.server, "ACTIVE", reboot={"type": "HARD"})
        self.after("hard reboot after that", had.is_(UNBACKED))
        self._rebuild_server(had.server, had.server["image"]["id"])
        self.after("rebuild after that", had.is_(UNBACKED))
        self.restart_compute_service("compute1")
        self.after("restart of nova-compute after that", had.is_(UNBACKED))
        self.delete(had.server)
        self.after("delete after that", had.is_(CLEAN))

    def fail_to_rebuild(self, had: Had) -> None:
        with pytest.raises(OpenStackApiException, match="'progress' is a required property"):
            # Where casts are done when they are sent, the answer shows what came of it, and Nova's tests expect something else.
            self.api.post_server_action(had.server["id"], {"rebuild": {"imageRef": IMAGE}})
        self._wait_for_state_change(had.server, "ERROR")
