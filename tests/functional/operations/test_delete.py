"""Delete, in whatever state a server is: nothing left claimed, everything cleaned once the guest is gone."""

import pytest
from nova import context as nova_context
from nova import objects
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest

from tests.functional import base
from tests.functional.operations.case import OperationsTestCase
from tests.functional.operations.fates import ORPHANED
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
            self.api.post_server_action(server["id"], action)
            server = self._wait_for_server_parameter(server, {"status": status}, wait_for_fault_key=False)
            self.delete(server)
            self.after(f"delete while {words}")

    def test_soft_delete_keeps_everything_until_the_server_is_restored_or_reclaimed(self) -> None:
        self.flags(reclaim_instance_interval=30)
        had = self.boot_with_data()
        self.soft_delete(had.server)
        self.after_kept("soft delete", had)
        self.action(had.server, "ACTIVE", restore={})
        self.after_kept("restore", had)
        self.soft_delete(had.server)
        self.api.post_server_action(had.server["id"], {"forceDelete": {}})
        self._wait_until_deleted(had.server)
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
        with base.patched(libvirt_guest.Guest, "launch", asked_to_delete_meanwhile(libvirt_guest.Guest, "launch")):
            server = self.api.post_server({"server": self._build_server(flavor_id=self.both(), networks="none")})
        self.delete(server)
        self.after("delete while building")
        server = self.boot_with_data().server
        driver = libvirt_driver.LibvirtDriver
        with base.patched(driver, "_hard_reboot", asked_to_delete_meanwhile(driver, "_hard_reboot")):
            self.api.post_server_action(server["id"], {"reboot": {"type": "HARD"}})
        self.delete(server)
        self.after("delete during a hard reboot")


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
        ask_to_delete()
        self.come_back("compute1")
        self._wait_until_deleted(self.server)
        self.after("delete finished at the start of nova-compute")


def ask_to_delete() -> None:
    """What the API does first: the compute service hears of it when it is done with what it does."""
    for instance in objects.InstanceList.get_all(nova_context.get_admin_context()):
        instance.task_state = "deleting"
        instance.save()


def asked_to_delete_meanwhile(target: object, name: str) -> object:
    """An operation that comes to its end, and meanwhile the user wanted the server deleted."""
    original = getattr(target, name)

    def operation(*args: object, **kwargs: object) -> object:
        result = original(*args, **kwargs)
        ask_to_delete()
        return result

    return operation
