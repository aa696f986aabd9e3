"""Resize and cold migration: what is new is claimed, what is old stays until the user has decided."""

import time

import pytest
from nova import context as nova_context

from tests.functional.operations.case import LARGE, SIX, SSD, OperationsTestCase
from tests.functional.operations.fates import DESTINATION, KEPT, SOURCE
from tests.functional.operations.held import Had


class MovesTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1, 2)
        self.old = self.boot_with_data()
        self.server = self.old.server

    def migrated(self) -> Had:
        self.action(self.server, "VERIFY_RESIZE", migrate=None)
        return self.has(self.server, "compute2")

    @pytest.mark.essential
    def test_a_migration_leaves_the_old_devices_alone_until_it_is_confirmed_and_cleans_them_then(self) -> None:
        new = self.migrated()
        self.after("cold migration", self.old.is_(SOURCE), new.is_(DESTINATION))
        self.five.write(self.server["id"], new.handles)
        self.restart_compute_service("compute1")
        self.after("restart of the source's nova-compute", self.old.is_(SOURCE), new.is_(DESTINATION))
        with self.on("compute1"):
            self._confirm_resize(self.server)
        self.after_kept("cold migration confirmed", new)

    @pytest.mark.essential
    def test_a_reverted_migration_gives_back_the_old_devices_with_their_data_and_cleans_the_new_ones(self) -> None:
        new = self.migrated()
        self.five.write(self.server["id"], new.handles)
        self._revert_resize(self.server)
        self.after_kept("cold migration reverted", self.old)

    def migrated_and_ledger_lost(self, host: str) -> Had:
        """In the middle of a migration a ledger is lost; nova-compute starts again there."""
        new = self.migrated()
        self.five.write(self.server["id"], new.handles)
        for file in self.folder.glob(f"{host}.sqlite*"):
            file.unlink()
        self.restart_compute_service(host)
        return new

    def lose_the_sources_ledger(self) -> Had:
        new = self.migrated_and_ledger_lost("compute1")
        # The kernel has read who the SSD is: nothing else remembers it.
        source = SOURCE.but(words="noted for the way back", drivers={"nvme"})
        self.after("the source's ledger is lost while resized", self.old.is_(source), new.is_(DESTINATION))
        return new

    def test_a_ledger_that_is_lost_while_resized_learns_what_the_server_may_be_sent_back_to(self) -> None:
        self.lose_the_sources_ledger()
        for held in self.old.handles:
            noted = (
                f"{held.identity} to server {self.server['id']}, and the ledger did not know it: noted as that server's"
            )
            assert noted in self.stdlog.logger.output
        self._revert_resize(self.server)
        self.after_kept("cold migration reverted, after the source's ledger was lost", self.old)

    def test_what_a_ledger_that_was_lost_while_resized_has_noted_is_cleaned_when_that_is_confirmed(self) -> None:
        new = self.lose_the_sources_ledger()
        with self.on("compute1"):
            self._confirm_resize(self.server)
        self.after_kept("cold migration confirmed, after the source's ledger was lost", new)

    def test_a_ledger_that_is_lost_at_the_destination_learns_what_the_server_has_there(self) -> None:
        new = self.migrated_and_ledger_lost("compute2")
        self.after("the destination's ledger is lost while resized", self.old.is_(SOURCE), new.is_(DESTINATION))
        self._revert_resize(self.server)
        self.after_kept("cold migration reverted, after the destination's ledger was lost", self.old)

    def test_a_migration_of_a_stopped_server_does_the_same(self) -> None:
        self._stop_server(self.server)
        new = self.migrated()
        self.after("cold migration, stopped", self.old.is_(SOURCE), new.is_(DESTINATION))
        self.action(self.server, "SHUTOFF", revertResize=None)
        self.after_kept("cold migration reverted, stopped", self.old)

    def test_a_migration_that_nobody_confirms_is_confirmed_by_nova(self) -> None:
        self.flags(resize_confirm_window=1)
        new = self.migrated()
        self.five.write(self.server["id"], new.handles)
        time.sleep(1.1)
        manager = self.computes["compute2"].manager
        with self.on("compute1"):
            manager._poll_unconfirmed_resizes(nova_context.get_admin_context())
        self._wait_for_state_change(self.server, "ACTIVE")
        self.after_kept("cold migration confirmed by resize_confirm_window", new)

    def test_a_resize_gives_more_fewer_and_other_devices(self) -> None:
        here, there = "compute1", "compute2"
        old = self.old
        for words, classes in (("more", (SSD, SSD, SIX)), ("fewer", (SIX,)), ("other", (LARGE,)), ("no", ())):
            self._resize_server(self.server, self.flavor_of(*classes))
            expected = [old.is_(SOURCE)]
            new = self.has_written(self.server, there) if classes else None
            self.after(f"resize to {words} devices", *expected, *([new.is_(DESTINATION)] if new else []))
            with self.on(here):
                self._confirm_resize(self.server)
            self.after(f"resize to {words} devices confirmed", *([new.is_(KEPT)] if new else []))
            here, there = there, here
            old = new or old

    def test_a_reverted_resize_gives_back_what_there_was_whatever_there_would_have_been(self) -> None:
        for words, classes in (("more", (SSD, SSD, SIX)), ("fewer", (SIX,)), ("other", (LARGE,)), ("no", ())):
            self._resize_server(self.server, self.flavor_of(*classes))
            if classes:
                self.has_written(self.server, "compute2")
            self._revert_resize(self.server)
            self.after_kept(f"resize to {words} devices reverted", self.old)

    def test_a_server_without_devices_may_be_resized_to_some_and_back(self) -> None:
        self.delete(self.server)
        server = self.boot(self.flavor_of(), host="compute1")
        for words in ("reverted", "confirmed"):
            self._resize_server(server, self.both())
            new = self.has(server, "compute2")
            self.after(f"resize from no devices to some, to be {words}", new.is_(DESTINATION))
            self.five.write(server["id"], new.handles)
            if words == "reverted":
                self._revert_resize(server)
                self.after("resize from no devices to some reverted")
        with self.on("compute1"):
            self._confirm_resize(server)
        self.after_kept("resize from no devices to some confirmed", new)

    def test_a_server_that_is_deleted_in_the_middle_of_a_migration_leaves_nothing_on_either_host(self) -> None:
        new = self.migrated()
        self.five.write(self.server["id"], new.handles)
        with self.on("compute1"):
            self.delete(self.server)
        self.after("delete while resized")


class ResizedInPlaceTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(allow_resize_to_same_host=True)
        self.start_hosts(1)
        self.old = self.boot_with_data()
        self.server = self.old.server
        self._resize_server(self.server, self.both())
        self.new = self.has_written(self.server, "compute1", but=self.old)

    def test_confirmed(self) -> None:
        away = SOURCE.but(domains={False})
        self.after("resize on the same host", self.old.is_(away), self.new.is_(DESTINATION))
        self._confirm_resize(self.server)
        self.after_kept("resize on the same host confirmed", self.new)

    def test_reverted(self) -> None:
        self._revert_resize(self.server)
        self.after_kept("resize on the same host reverted", self.old)

    def test_deleted(self) -> None:
        self.delete(self.server)
        self.after("delete while resized on the same host")
