"""Evacuation claims anew; the old host cleans what was left there before it offers it."""

import pytest
from nova.compute import manager
from nova.virt.libvirt import driver as libvirt_driver

from tests.functional import base
from tests.functional.operations.case import OperationsTestCase
from tests.functional.operations.rebooting import reboot


class EvacuateTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1, 2)
        self.server = self.boot_with_data().server

    def evacuate(self) -> None:
        self.crash("compute1")
        with self.on("compute2"):
            self._evacuate_server(self.server, expected_host="compute2", expected_state="ACTIVE")
        self.new = self.has(self.server, "compute2")
        assert self.five.content(self.new.handles) == []
        self.five.write(self.server["id"], self.new.handles)

    @pytest.mark.essential
    def test_the_old_host_cleans_what_was_left_there_once_it_is_back(self) -> None:
        self.evacuate()
        self.come_back("compute1")
        self.after_kept("evacuation, old host back again", self.new)

    def test_the_old_host_may_have_been_rebooted_meanwhile(self) -> None:
        self.evacuate()
        reboot(self.machines["compute1"], self.connections["compute1"], renumbered=True)
        self.come_back("compute1")
        self.after_kept("evacuation, old host rebooted", self.new)

    def test_instance_storage_may_be_shared(self) -> None:
        with (
            base.patched(manager.ComputeManager, "_is_instance_storage_shared", lambda *_, **__: True),
            base.patched(libvirt_driver.LibvirtDriver, "instance_on_disk", lambda *_: True),
        ):
            self.evacuate()
            self.come_back("compute1")
            self.after_kept("evacuation with shared instance storage", self.new)

    def test_the_evacuated_server_may_be_deleted_before_the_old_host_is_back(self) -> None:
        self.evacuate()
        self.delete(self.server)
        self.come_back("compute1")
        self.after("evacuation, delete, old host back again")
