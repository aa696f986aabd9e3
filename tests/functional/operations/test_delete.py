"""Delete, in whatever state a server is: nothing left claimed, everything cleaned once the guest is gone."""

from collections.abc import Callable

import pytest
from nova import context as nova_context
from nova import objects
from nova.virt.libvirt import guest as libvirt_guest

from tests.functional import base
from tests.functional.operations.case import OperationsTestCase
from tests.functional.operations.fates import KEPT, ORPHANED
from tests.functional.operations.rebooting import reboot


class DeleteTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1)

    def test_in_the_states_that_a_server_rests_in(self) -> None:
        for words, status, action in (
            ("stopped", "SHUTOFF", {"os-stop": None}),
            ("paused", "PAUSED", {"pause": None}),
            ("in error", "ERROR", {"os-resetState": {"state": "error"}}),
        ):
            server = self.boot_with_data().server
            self.action(server, status, **action)
            self.delete(server)
            self.after(f"delete while {words}")

    def test_soft_delete_keeps_everything_until_the_server_is_restored_or_reclaimed(self) -> None:
        self.flags(reclaim_instance_interval=30)
        had = self.boot_with_data()
        self.api.delete_server(had.server["id"])
        self._wait_for_state_change(had.server, "SOFT_DELETED")
        self.after_kept("soft delete", had)
        self.action(had.server, "ACTIVE", restore={})
        self.after_kept("restore", had)
        self.api.delete_server(had.server["id"])
        self._wait_for_state_change(had.server, "SOFT_DELETED")
        self.api.post_server_action(had.server["id"], {"forceDelete": {}})
        self._wait_until_deleted(had.server)
        self.after("force delete after soft delete")
        other = self.boot_with_data()
        self.api.delete_server(other.server["id"])
        self._wait_for_state_change(other.server, "SOFT_DELETED")
        self.flags(reclaim_instance_interval=-1)
        self.computes["compute1"].manager._reclaim_queued_deletes(nova_context.get_admin_context())

    def test_while_its_guest_is_being_created(self) -> None:
        self._asked_to_delete_in(libvirt_guest.Guest, "launch", lambda: self.boot(self.both(), "ERROR"))
        self.after("delete while building")

    def _asked_to_delete_in(self, target: object, name: str, operation: Callable[[], object]) -> None:
        """Let the API be told to delete the server while an operation is at work on it."""
        original = getattr(target, name)

        def asked_to_delete(*args: object, **kwargs: object) -> object:
            result = original(*args, **kwargs)
            for instance in objects.InstanceList.get_all(nova_context.get_admin_context()):
                instance.task_state = "deleting"
                instance.save()
            return result

        with base.patched(target, name, asked_to_delete):
            operation()


class DeletedMeanwhileTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1)
        self.had = self.boot_with_data()
        self.server = self.had.server

    def test_a_guest_that_still_runs_keeps_its_devices_until_nova_reaps_it(self) -> None:
        self.flags(running_deleted_instance_action="log", running_deleted_instance_timeout=0)
        self.crash("compute1")
        self.delete(self.server)
        self.come_back("compute1")
        self.reap()
        self.after("local delete, reaper only logs", self.had.is_(ORPHANED))
        self.flags(running_deleted_instance_action="reap")
        self.reap()
        self.after("local delete, guest reaped")

    def reap(self) -> None:
        self.computes["compute1"].manager._cleanup_running_deleted_instances(nova_context.get_admin_context())

    def test_a_local_delete_of_a_guest_that_the_host_lost_in_a_reboot_is_cleaned_up_after(self) -> None:
        reboot(self.crash("compute1"), self.connections["compute1"])
        self.delete(self.server)
        self.connections["compute1"].lookupByUUIDString(self.server["id"]).undefine()
        self.come_back("compute1")
        self.after("local delete, guest gone in a host reboot")

    @pytest.mark.essential
    def test_a_delete_that_nova_compute_did_not_finish_is_finished_at_its_start(self) -> None:
        self.crash("compute1")
        instance = objects.Instance.get_by_uuid(nova_context.get_admin_context(), self.server["id"])
        instance.task_state = "deleting"
        instance.save()
        self.come_back("compute1")
        self._wait_until_deleted(self.server)
        self.after("delete finished at the start of nova-compute")


_ = KEPT
