"""Delete, in whatever state a server is: nothing left claimed, everything cleaned once the guest is gone."""

import warnings
from pathlib import Path

import pytest
from nova import context as nova_context
from nova import objects
from nova.tests.functional.api.client import OpenStackApiException, OpenStackApiNotFoundException
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest

from tests.functional import base
from tests.functional.operations.case import IMAGE, OperationsTestCase
from tests.functional.operations.deleting import ask_to_delete, asked_to_delete_after
from tests.functional.operations.fates import DESTINATION, ORPHANED, SOURCE
from tests.functional.operations.rebooting import reboot

DRIVER = libvirt_driver.LibvirtDriver
REMNANT = ORPHANED.but(words="reserved, its guest still runs, empty", content={"empty"})


class DeleteTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1)

    def test_in_the_states_that_a_server_rests_in(self) -> None:
        for words, status, action in (
            ("stopped", "SHUTOFF", {"os-stop": None}),
            ("paused", "PAUSED", {"pause": None}),
            ("rescued", "RESCUE", {"rescue": {}}),
            ("in error", "ERROR", {"os-resetState": {"state": "error"}}),
        ):
            server = self.boot_with_data().server
            Path(base.CONF.instances_path, server["id"]).mkdir()
            self.api.post_server_action(server["id"], action)
            server = self._wait_for_server_parameter(server, {"status": status}, wait_for_fault_key=False)
            self.delete(server)
            self.after(f"delete while {words}")
        self.force_delete(self.boot_with_data().server)
        self.after("force delete while active")

    def force_delete(self, server: dict) -> None:
        self.api.post_server_action(server["id"], {"forceDelete": {}})
        self._wait_until_deleted(server)

    def test_soft_delete_keeps_everything_until_the_server_is_restored_or_reclaimed(self) -> None:
        self.flags(reclaim_instance_interval=30)
        had = self.boot_with_data()
        self.soft_delete(had.server)
        self.after_kept("soft delete", had)
        self.action(had.server, "ACTIVE", restore={})
        self.after_kept("restore", had)
        self.soft_delete(had.server)
        self.force_delete(had.server)
        self.after("force delete after soft delete")
        other = self.boot_with_data()
        self.soft_delete(other.server)
        self.flags(reclaim_instance_interval=1)
        instance = objects.Instance.get_by_uuid(nova_context.get_admin_context(), other.server["id"])
        with base.patched(self.computes["compute1"].manager, "_deleted_old_enough", lambda *_: True):
            self.computes["compute1"].manager._reclaim_queued_deletes(nova_context.get_admin_context())
        self._wait_until_deleted({"id": instance.uuid, "status": "SOFT_DELETED"})
        self.after("soft delete reclaimed")

    def soft_delete(self, server: dict) -> None:
        self.api.delete_server(server["id"])
        self._wait_for_state_change(server, "SOFT_DELETED")

    def test_while_nova_is_at_work_on_it(self) -> None:
        with self.writing_as_they_start(), asked_to_delete_after(libvirt_guest.Guest, "launch"):
            server = self.api.post_server({"server": self._build_server(flavor_id=self.both(), networks="none")})
            self.builds.wait()
        self.delete(server)
        self.after("delete while building")
        server = self.boot_with_data().server
        with asked_to_delete_after(DRIVER, "_hard_reboot"):
            self.api.post_server_action(server["id"], {"reboot": {"type": "HARD"}})
        self.delete(server)
        self.after("delete during a hard reboot")

    def test_in_the_middle_of_what_nova_does_not_lock_the_server_for(self) -> None:
        server = self.boot_with_data().server
        with base.patched(DRIVER, "_live_snapshot", lambda *_: self.force_delete(server)):
            self.api.post_server_action(server["id"], {"createImage": {"name": "meanwhile"}})
            self._wait_until_deleted(server)
        self.after("force delete during a snapshot")
        # Nova saves what belongs to the server once more after it was deleted; its fixtures make errors of warnings.
        warnings.filterwarnings("ignore", "Multiple rows returned with uselist=False")
        had, spawn = self.boot_with_data(), DRIVER.spawn

        def deleted_before(*args: object, **kwargs: object) -> object:
            self.force_delete(had.server)
            return spawn(*args, **kwargs)

        # Where casts are done when they are sent, the server is gone before there is an answer about it.
        with base.patched(DRIVER, "spawn", deleted_before), pytest.raises(OpenStackApiNotFoundException):
            self.api.post_server_action(had.server["id"], {"rebuild": {"imageRef": IMAGE}})
        self.after("force delete during a rebuild, its guest has started after all", had.is_(REMNANT))
        self.connections["compute1"].lookupByUUIDString(had.server["id"]).destroy()
        self.after("force delete during a rebuild, guest gone")


class DeletedMeanwhileTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1)
        self.had = self.boot_with_data()
        self.server = self.had.server

    def test_a_guest_that_still_runs_keeps_its_devices_until_it_is_gone_whatever_nova_does_with_it(self) -> None:
        self.deleted_unheard(self.server)
        # Nova 31 to 34 hand libvirt's driver other arguments than it takes to shut a guest down: it goes on.
        for action in ("noop", "log", "shutdown"):
            self.reap(action)
            self.after(f"local delete, reaper set to {action}", self.had.is_(ORPHANED))
        self.reap("reap")
        self.after("local delete, guest reaped")
        other = self.boot_with_data()
        self.deleted_unheard(other.server)
        self.after("local delete of another", other.is_(ORPHANED))
        self.connections["compute1"].lookupByUUIDString(other.server["id"]).destroy()
        self.after("local delete, guest shut down")

    def deleted_unheard(self, server: dict) -> None:
        """Deleted while nova-compute was away."""
        self.crash("compute1")
        self.delete(server)
        self.come_back("compute1")

    def reap(self, action: str) -> None:
        """What Nova does every half hour."""
        self.flags(running_deleted_instance_action=action, running_deleted_instance_timeout=0)
        self.computes["compute1"].manager._cleanup_running_deleted_instances(nova_context.get_admin_context())

    def test_a_local_delete_of_a_guest_that_the_host_lost_in_a_reboot_is_cleaned_up_after(self) -> None:
        reboot(self.crash("compute1"), self.connections["compute1"])
        self.delete(self.server)
        self.connections["compute1"].lookupByUUIDString(self.server["id"]).undefine()
        self.come_back("compute1")
        self.after("local delete, guest gone in a host reboot")

    def test_a_local_delete_of_a_server_whose_domain_stays_defined_and_does_not_run_is_cleaned_up_after(self) -> None:
        self._stop_server(self.server)
        self.deleted_unheard(self.server)
        self.after("local delete of a stopped server")
        server = self.boot_with_data().server
        reboot(self.crash("compute1"), self.connections["compute1"])
        self.delete(server)
        self.come_back("compute1")
        self.after("local delete, guest ended by a host reboot")

    @pytest.mark.essential
    def test_a_delete_that_nova_compute_did_not_finish_is_finished_at_its_start(self) -> None:
        self.crash("compute1")
        ask_to_delete()
        self.come_back("compute1")
        self._wait_until_deleted(self.server)
        self.after("delete finished at the start of nova-compute")


class DeletedWhileResizedTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(running_deleted_instance_action="reap", running_deleted_instance_timeout=0)
        self.start_hosts(1, 2)
        self.old = self.boot_with_data()
        self.server = self.old.server
        self.action(self.server, "VERIFY_RESIZE", migrate=None)
        self.new = self.has_written(self.server, "compute2")

    def test_with_the_destination_down(self) -> None:
        self.crash("compute2")
        with self.on("compute1"):
            self.delete(self.server)
        self.come_back("compute2")
        self.after("delete while resized, destination down", self.new.is_(ORPHANED))
        self.computes["compute2"].manager._cleanup_running_deleted_instances(nova_context.get_admin_context())
        self.after("delete while resized, destination back and guest reaped")

    def test_with_the_source_down(self) -> None:
        self.crash("compute1")
        self.flags(rpc_response_timeout=1)
        with pytest.raises(OpenStackApiException, match="MessagingTimeout"):
            self.api.delete_server(self.server["id"])
        self.flags(rpc_response_timeout=60)
        self.after("delete while resized, source down", self.old.is_(SOURCE), self.new.is_(DESTINATION))
        with self.on("compute1"):
            self.come_back("compute1")
            # What the API has asked of it was in its queue all the time.
            self._wait_for_instance_action_event(self.server, "confirmResize", "compute_confirm_resize", "Success")
        self.after_kept("delete while resized, source back and move confirmed", self.new)
        with self.on("compute2"):
            self.delete(self.server)
        self.after("delete once more")
