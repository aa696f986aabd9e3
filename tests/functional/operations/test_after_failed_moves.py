"""A move that failed before, whatever it was, does not keep what a later one, or an offload, has left from being cleaned."""

import pytest
from nova import exception as nova_exception
from nova.virt.libvirt import driver as libvirt_driver

from nova_accel.virt import nova_database
from tests.functional.operations.case import SSD, OperationsTestCase
from tests.functional.operations.fates import CLEAN, RESERVED

BROKEN = nova_exception.InternalError("broken for this test")
DRIVER = libvirt_driver.LibvirtDriver


class AfterFailedMovesTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(shelved_offload_time=-1)
        self.start_hosts(1, 2)
        self.old = self.boot_with_data()
        self.server = self.old.server

    def is_refused(self, **action: object) -> None:
        """An action that comes to nothing; the server goes on."""
        self.api.post_server_action(self.server["id"], action)
        self._wait_for_server_parameter(self.server, {"status": "ACTIVE", "OS-EXT-STS:task_state": None})
        self._wait_for_migration_status(self.server, ["error"])

    def fails_late(self) -> None:
        """A move fails at its source, which has powered the guest off; a hard reboot starts it there again."""
        with self.failing(DRIVER, "migrate_disk_and_power_off", BROKEN, late=True):
            self.action(self.server, "ERROR", migrate=None)
        self._reboot_server(self.server, hard=True)
        self.audit()  # until then Nova counts what the move claimed at the destination

    def moves_on(self, words: str, **action: object) -> None:
        self.action(self.server, "VERIFY_RESIZE", **action)
        new = self.has_written(self.server, "compute2")
        with self.on("compute1"):
            self._confirm_resize(self.server)
        self.after_kept(words, new)

    @pytest.mark.essential
    def test_a_live_migration_was_refused(self) -> None:
        self.is_refused(**{"os-migrateLive": {"host": "compute2", "block_migration": "auto"}})
        self.after_kept("live migration refused", self.old)
        self.moves_on("live migration refused, then cold migration confirmed", migrate=None)

    def test_no_host_was_found(self) -> None:
        self.is_refused(resize={"flavorRef": self.flavor_of(SSD, SSD, SSD)})
        self.after_kept("resize refused: no host", self.old)
        self.moves_on("resize refused, then resize confirmed", resize={"flavorRef": self.both()})

    @pytest.mark.essential
    def test_a_move_had_failed_and_a_hard_reboot_recovered_the_server_at_the_source(self) -> None:
        self.fails_late()
        self.moves_on("migration fails, hard reboot, then cold migration confirmed", migrate=None)

    def test_a_move_had_failed_and_the_server_is_offloaded(self) -> None:
        self.fails_late()
        self.offload()
        # Nova leaves the migration context of a move that failed with its server.
        assert nova_database.claimants("compute1") == {}
        clean = CLEAN.but(nova={"old"})
        self.after("migration fails, hard reboot, then shelve offload", self.old.is_(clean))
        other = self.boot_with_data(self.flavor_of(SSD, SSD), host="compute1")
        self.delete(other.server)
        self.after("migration fails, hard reboot, shelve offload, the next server is deleted", self.old.is_(clean))

    def test_a_move_had_failed_and_the_server_is_offloaded_where_it_went(self) -> None:
        """What it had at the source may still be the only copy."""
        with self.failing(DRIVER, "finish_migration", BROKEN, late=True):
            self.action(self.server, "ERROR", migrate=None)
        self._reboot_server(self.server, hard=True)
        self.offload()
        left = RESERVED.but(nova={"old"})
        self.after("migration fails late, hard reboot, shelve offload at the destination", self.old.is_(left))

    def test_what_a_move_that_failed_was_to_have_is_wanted_by_nobody_but_its_next_server(self) -> None:
        self.fails_late()
        promised = {held.identity for held in self.to_be_claimed(self.server, "compute2").handles}
        others = [self.boot_with_data(host="compute2") for _ in range(2)]
        wanted = {handle.identity: servers for handle, servers in nova_database.claimants("compute2").items()}
        taken = {held.identity: {one.server["id"]} for one in others for held in one.handles}
        assert {one: wanted[one] for one in promised} == {one: taken[one] for one in promised}

    def offload(self) -> None:
        self._shelve_server(self.server, "SHELVED")
        self._shelve_offload_server(self.server)
