"""A boot that fails, at each step: the claim is returned, and what reached a guest is cleaned."""

import pytest
from nova import exception as nova_exception
from nova.compute import resource_tracker
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest

from nova_accel.exception import PrivilegedCallError
from tests.fakes.host import FakeHost
from tests.functional import base
from tests.functional.operations.case import OperationsTestCase

BROKEN = nova_exception.InternalError("broken for this test")
ERASING = frozenset({"erase", "zero", "zero_namespace", "sanitize"})


class FailedBootTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1)

    def erased(self) -> bool:
        """Whether root's side was told to erase anything."""
        return any(call[0] in ERASING for call in self.machines["compute1"].calls)

    def fails(self, words: str, target: object, name: str, error: Exception = BROKEN, late: bool = False) -> None:
        """Boot, and let a step fail; the server is then in error, and deleted."""
        with self.failing(target, name, error, late):
            server = self.boot(self.both(), "ERROR")
        self.after(words)
        self.delete(server)
        self.after(f"{words}, then delete")

    def test_before_anything_reached_a_guest_nothing_needs_cleaning(self) -> None:
        no_room = nova_exception.ComputeResourcesUnavailable(reason="for this test")
        self.fails("boot fails at Nova's claim", resource_tracker.ResourceTracker, "instance_claim", no_room)
        self.fails("boot fails at the image", libvirt_driver.LibvirtDriver, "_create_image")
        self.fails("boot fails at the XML", libvirt_driver.LibvirtDriver, "_get_guest_xml")
        refused = PrivilegedCallError("hand_over", "the kernel says no")
        self.fails("boot fails at the binding", FakeHost, "hand_over", refused)
        assert not self.erased()

    @pytest.mark.essential
    def test_what_reached_a_guest_is_cleaned(self) -> None:
        self.fails("boot fails as libvirt creates the guest", libvirt_guest.Guest, "launch")
        with self.writing_as_they_start():
            self.fails("boot fails when the guest has run", libvirt_guest.Guest, "launch", late=True)
        assert self.erased()

    def test_a_namespace_that_something_has_open_fails_the_boot_and_its_ssd_is_free_again(self) -> None:
        namespaces = self.machines["compute1"].pmem.namespaces.values()
        refused = PrivilegedCallError("check_namespace", "daxio (process 7) has it mapped")
        self.fails("boot fails at the namespace", self.machines["compute1"], "check_namespace", refused)
        assert not self.erased()
        assert all(one.content == {} for one in namespaces)
        self.after_kept("boot once it is closed", self.boot_with_data())


class RetriedBootTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1, 2)

    def test_a_server_whose_guest_fails_late_gets_others_of_another_host_and_the_first_are_cleaned(self) -> None:
        launch, failed = libvirt_guest.Guest.launch, []

        def fail_once(guest: libvirt_guest.Guest, *args: object, **kwargs: object) -> object:
            result = launch(guest, *args, **kwargs)
            if not failed:
                (here,) = (host for host in self.connections if self.five.held(guest.uuid, host))
                failed.extend(self.five.held(guest.uuid, here))
                self.five.write(guest.uuid, failed)
                raise BROKEN
            return result

        with base.patched(libvirt_guest.Guest, "launch", fail_once):
            server = self.boot(self.both())
            self.builds.wait()
        (first,) = {held.host for held in failed}
        (other,) = {"compute1", "compute2"} - {first}
        new = self.has(server, other)
        assert self.five.content(new.handles) == []
        self.five.write(server["id"], new.handles)
        self.after_kept("boot fails when the guest has run, and succeeds on another host", new)
