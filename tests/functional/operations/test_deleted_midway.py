"""Delete in the middle of what Nova does with a server: whatever it was about to do, nothing is left claimed, and all is cleaned."""

import threading
import time
import warnings

from nova.compute import manager
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest

from tests.functional.operations.case import SSD, OperationsTestCase
from tests.functional.operations.deleting import in_the_middle, until_it_ends
from tests.functional.operations.fates import ORPHANED, SUSPENDED
from tests.functional.operations.held import Had

DRIVER = libvirt_driver.LibvirtDriver
REMNANT = ORPHANED.but(words="reserved, its guest still runs, empty", content={"empty"})


class DeletedWhileSavedTest(OperationsTestCase):
    """Nova does not lock a server that it suspends or takes a snapshot of."""

    def setUp(self) -> None:
        super().setUp()
        self.flags(device_detach_timeout=1, device_detach_attempts=2, group="libvirt")
        self.flags(disable_libvirt_livesnapshot=True, group="workarounds")
        self.start_hosts(1)
        self.had = self.boot_with_data(self.flavor_of(SSD, SSD))
        self.server = self.had.server

    def force_delete(self) -> None:
        self.api.post_server_action(self.server["id"], {"forceDelete": {}})
        self._wait_until_deleted(self.server)

    def suspend(self) -> None:
        self.api.post_server_action(self.server["id"], {"suspend": {}})

    def snapshot(self) -> None:
        with until_it_ends(manager.ComputeManager, "_snapshot_instance"):
            self.api.post_server_action(self.server["id"], {"createImage": {"name": "meanwhile"}})

    def test_before_and_after_the_guest_is_saved(self) -> None:
        for words, late, operation in (
            ("a suspend, SSDs out", False, self.suspend),
            ("a suspend, guest saved", True, self.suspend),
            ("a cold snapshot, SSDs out", False, self.snapshot),
            ("a cold snapshot, guest saved", True, self.snapshot),
        ):
            with in_the_middle(libvirt_guest.Guest, "save_memory_state", self.force_delete, late):
                operation()
            self.after(f"delete in the middle of {words}")
            self.server = self.boot_with_data(self.flavor_of(SSD, SSD)).server

    def test_a_soft_delete_in_a_cold_snapshot_ends_that_and_keeps_everything(self) -> None:
        self.flags(reclaim_instance_interval=30)
        with in_the_middle(libvirt_guest.Guest, "save_memory_state", self.soft_delete, late=True):
            self.snapshot()
        self.after("soft delete in the middle of a cold snapshot", self.had.is_(SUSPENDED))
        self.action(self.server, "ACTIVE", restore={})
        self.after_kept("soft delete in the middle of a cold snapshot, restore", self.had)

    def soft_delete(self) -> None:
        self.api.delete_server(self.server["id"])
        self._wait_for_state_change(self.server, "SOFT_DELETED")


class DeletedWhileMovingTest(OperationsTestCase):
    """Nova does not lock a server that it moves."""

    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1, 2)
        self.had = self.boot_with_data()
        self.server = self.had.server

    def migrate_and_delete(self, step: str, host: str) -> None:
        def delete() -> None:
            with self.on(host):
                self.delete(self.server)

        with in_the_middle(DRIVER, step, delete):
            self.api.post_server_action(self.server["id"], {"migrate": None})

    def test_as_the_source_powers_off(self) -> None:
        self.migrate_and_delete("migrate_disk_and_power_off", "compute1")
        self.after("delete as the source of a migration powers off")

    def test_as_the_destination_starts_the_guest(self) -> None:
        # Nova saves what belongs to the server once more after it was deleted; its fixtures make errors of warnings.
        warnings.filterwarnings("ignore", "Multiple rows returned with uselist=False")
        self.migrate_and_delete("finish_migration", "compute2")
        new = Had(self.server, self.five.held(self.server["id"], "compute2"))
        self.after("delete as the destination starts the guest, which has started after all", new.is_(REMNANT))
        self.connections["compute2"].lookupByUUIDString(self.server["id"]).destroy()
        self.after("delete as the destination starts the guest, guest gone")


class DeletedWhileShelvedTest(OperationsTestCase):
    """Nova locks a server that it shelves or unshelves: the delete begins when that has ended."""

    def setUp(self) -> None:
        super().setUp()
        self.flags(shelved_offload_time=0)
        self.start_hosts(1)
        self.server = self.boot_with_data().server

    def delete_once_it_is_let_go(self) -> None:
        """Whoever deletes it waits for that in a thread of his own."""
        self.deleting = threading.Thread(target=self.api.delete_server, args=(self.server["id"],))
        self.deleting.start()
        self._wait_for_server_parameter(self.server, {"OS-EXT-STS:task_state": "deleting"})
        time.sleep(0.1)

    def delete_in_the_middle(self, step: str, **action: object) -> None:
        with in_the_middle(DRIVER, step, self.delete_once_it_is_let_go, late=True):
            self.api.post_server_action(self.server["id"], action)
            self._wait_until_deleted(self.server)
        self.deleting.join()

    def test_while_it_is_shelved(self) -> None:
        self.delete_in_the_middle("snapshot", shelve={})
        self.after("delete while shelving")

    def test_while_it_is_unshelved(self) -> None:
        self._shelve_server(self.server, "SHELVED_OFFLOADED")
        self.after("shelve offload at once")
        with self.writing_as_they_start():
            self.delete_in_the_middle("spawn", unshelve=None)
        self.after("delete while unshelving")
