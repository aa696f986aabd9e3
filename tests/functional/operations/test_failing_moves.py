"""Moves that fail, at each step: no byte of the source is lost before the server is deleted, nothing of the destination is leaked.

Nova leaves the migration context of a move that failed with its server, so its words for what was old and new are still there.
"""

import pytest
from nova import exception as nova_exception
from nova.compute import resource_tracker
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest

from tests.functional.operations.case import SSD, OperationsTestCase
from tests.functional.operations.fates import CLEAN, DESTINATION, EMPTY, KEPT, PROMISED, RESERVED, SOURCE
from tests.functional.operations.held import Had

BROKEN = nova_exception.InternalError("broken for this test")
DRIVER = libvirt_driver.LibvirtDriver
STAYED = KEPT.but(nova={"resources", "old"})
LEFT = RESERVED.but(nova={"old"})
NEVER_USED = CLEAN.but(nova={"new"})


class FailingMovesTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1, 2)
        self.old = self.boot_with_data()
        self.server = self.old.server

    def migrate(self, target: object, name: str, status: str, error: Exception = BROKEN, late: bool = False) -> None:
        """Migrate, and let a step fail."""
        with self.failing(target, name, error, late):
            self.post(migrate=None)
        self._wait_for_state_change(self.server, status)

    def post(self, **action: object) -> None:
        self.api.post_server_action(self.server["id"], action)

    def says_that_it_was_left(self, had: Had) -> None:
        """An operator has cleaned what a server has left on a host, as the command asks for it."""
        for held in had.handles:
            self.ledger(held.host).left_behind.ask(held.identity, self.server["id"])

    def refuses_that_it_was_left(self, had: Had, why: str) -> None:
        """An operator asks for it, and nova-compute does not do it."""
        self.says_that_it_was_left(had)
        for held in had.handles:
            self.round(held.host)
            assert why in self.entry(held.identity, held.host).reason

    def delete_and_see(self, words: str, host: str) -> None:
        with self.on(host):
            self.delete(self.server)
        self.after(f"{words}, then delete")


class BeforeTheDestinationTest(FailingMovesTest):
    def test_no_host_has_room_and_no_claim_can_be_made(self) -> None:
        other = self.boot_with_data(self.flavor_of(SSD, SSD), host="compute2")
        self.post(migrate=None)
        self.after_kept("migration refused: no host", self.old, other)
        self.delete(other.server)
        error = nova_exception.ComputeResourcesUnavailable(reason="for this test")
        self.migrate(resource_tracker.ResourceTracker, "resize_claim", "ERROR", error)
        self.after_kept("migration fails at the destination's claim", self.old)

    def test_the_source_fails_before_it_powers_off(self) -> None:
        error = nova_exception.InstanceFaultRollback(nova_exception.ResizeError(reason="for this test"))
        self.migrate(DRIVER, "migrate_disk_and_power_off", "ACTIVE", error)
        new = self.to_be_claimed(self.server, "compute2")
        self.after("migration fails before the power is off", self.old.is_(STAYED), new.is_(NEVER_USED))

    def test_the_source_fails_after_it_has_powered_off(self) -> None:
        self.migrate(DRIVER, "migrate_disk_and_power_off", "ERROR", late=True)
        new = self.to_be_claimed(self.server, "compute2")
        self.after("migration fails after the power is off", self.old.is_(STAYED), new.is_(NEVER_USED))
        self.delete_and_see("migration fails after the power is off", "compute1")


class AtTheDestinationTest(FailingMovesTest):
    def test_it_fails_before_there_is_a_guest(self) -> None:
        self.migrate(DRIVER, "finish_migration", "ERROR")
        new = self.claimed(self.server, "compute2")
        self.after("migration fails before the new guest", self.old.is_(LEFT), new.is_(PROMISED))

    def test_it_fails_as_the_guest_is_created(self) -> None:
        self.migrate(libvirt_guest.Guest, "create", "ERROR")
        new = self.has(self.server, "compute2")
        ready = EMPTY.but(nova={"resources", "new"}, domains={False})
        self.after("migration fails as the new guest is created", self.old.is_(LEFT), new.is_(ready))

    @pytest.mark.essential
    def test_it_fails_when_the_guest_has_run_and_a_hard_reboot_recovers_the_server_there(self) -> None:
        self.migrate(DRIVER, "finish_migration", "ERROR", late=True)
        new = self.has_written(self.server, "compute2")
        self.after("migration fails late in finish_resize", self.old.is_(LEFT), new.is_(DESTINATION))
        self._reboot_server(self.server, hard=True)
        self.after("migration fails late, hard reboot", self.old.is_(LEFT), new.is_(DESTINATION))
        self.says_that_it_was_left(self.old)
        cleaned = CLEAN.but(nova={"old"})
        self.after("migration fails late, an operator has it cleaned", self.old.is_(cleaned), new.is_(DESTINATION))
        other = self.boot_with_data(self.flavor_of(SSD, SSD), host="compute1")
        self.delete(other.server)
        self.after("migration fails late, the next server is deleted", self.old.is_(cleaned), new.is_(DESTINATION))

    def test_once_the_server_is_deleted_nothing_is_left_on_either_host(self) -> None:
        self.migrate(DRIVER, "finish_migration", "ERROR", late=True)
        self.has_written(self.server, "compute2")
        self.delete_and_see("migration fails late in finish_resize", "compute2")


class OnItsHostTest(OperationsTestCase):
    def test_a_resize_fails_late_and_an_operator_has_what_it_had_before_cleaned(self) -> None:
        self.flags(allow_resize_to_same_host=True)
        self.start_hosts(1)
        old = self.boot_with_data()
        server = old.server
        with self.failing(DRIVER, "finish_migration", BROKEN, late=True):
            self.api.post_server_action(server["id"], {"resize": {"flavorRef": self.both()}})
        self._wait_for_state_change(server, "ERROR")
        new = self.has_written(server, "compute1", but=old)
        left = LEFT.but(domains={False})
        self.after("resize on the same host fails late", old.is_(left), new.is_(DESTINATION))
        self._reboot_server(server, hard=True)
        for held in [*old.handles, *new.handles]:
            self.ledger().left_behind.ask(held.identity, server["id"])
        cleaned = CLEAN.but(nova={"old"})
        self.after("resize on the same host fails late, cleaned", old.is_(cleaned), new.is_(DESTINATION))


class AfterTheMoveTest(FailingMovesTest):
    def setUp(self) -> None:
        super().setUp()
        self.post(migrate=None)
        self._wait_for_state_change(self.server, "VERIFY_RESIZE")
        self.new = self.has_written(self.server, "compute2")

    def break_(self, name: str, **action: object) -> None:
        with self.failing(DRIVER, name, BROKEN), self.on("compute1"):
            self.post(**action)
        self._wait_for_state_change(self.server, "ERROR")

    def test_an_operator_who_wants_what_it_may_come_back_to_cleaned_is_refused(self) -> None:
        self.refuses_that_it_was_left(self.old, "that server's move is neither confirmed nor reverted")
        self.refuses_that_it_was_left(self.new, "that server's move is neither confirmed nor reverted")
        self.after("an operator wants it cleaned while resized", self.old.is_(SOURCE), self.new.is_(DESTINATION))
        self._revert_resize(self.server)
        self.after_kept("an operator wants it cleaned while resized, reverted", self.old)
        self.refuses_that_it_was_left(self.old, "that server is on this host, and Nova says that it has it")
        self.after_kept("an operator wants what a server has cleaned", self.old)

    def test_a_revert_fails_at_the_destination(self) -> None:
        self.break_("destroy", revertResize=None)
        # Nova's tracker forgets a server in error there, Placement does not.
        left = SOURCE.but(placement={"migration", "reserved"})
        self.after("revert fails at the destination", self.old.is_(left), self.new.is_(DESTINATION))

    def test_a_revert_that_fails_at_the_source_keeps_both_until_the_server_is_deleted(self) -> None:
        self.break_("finish_revert_migration", revertResize=None)
        self.after(
            "revert fails at the source", self.old.is_(STAYED), self.new.is_(LEFT.but(nova={"new"}, domains={False}))
        )

    def test_a_server_whose_revert_failed_at_the_source_is_deleted(self) -> None:
        self.break_("finish_revert_migration", revertResize=None)
        self.delete_and_see("revert fails at the source", "compute1")

    def test_a_confirmation_fails_at_the_source(self) -> None:
        self.break_("confirm_migration", confirmResize=None)
        self.after("confirmation fails at the source", self.old.is_(LEFT), self.new.is_(DESTINATION))
