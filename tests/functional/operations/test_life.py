"""Start, stop, reboot, pause, rescue, a reboot of the host: the same handles, and their data."""

from pathlib import Path

import pytest

from tests.functional import base
from tests.functional.operations.case import SIX, OperationsTestCase
from tests.functional.operations.rebooting import autostart, reboot


class LifeTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1)

    @pytest.mark.essential
    def test_whatever_starts_and_stops_a_guest_leaves_it_its_devices_and_their_data(self) -> None:
        had = self.boot_with_data()
        self.after_kept("boot", had)
        self.action(had.server, "SHUTOFF", os__stop=None)
        self.after_kept("stop", had)
        self.action(had.server, "ACTIVE", os__start=None)
        self.after_kept("start", had)
        self._reboot_server(had.server)
        self.after_kept("soft reboot", had)
        self._reboot_server(had.server, hard=True)
        self.after_kept("hard reboot", had)
        self.action(had.server, "PAUSED", pause=None)
        self.after_kept("pause", had)
        self.action(had.server, "ACTIVE", unpause=None)
        self.after_kept("unpause", had)
        self.restart_compute_service("compute1")
        self.after_kept("restart of nova-compute", had)
        self.delete(had.server)
        self.after("delete")

    def test_rescue_has_the_devices_too_and_unrescue_gives_them_back_from_stored_xml(self) -> None:
        had = self.boot_with_data()
        Path(base.CONF.instances_path, had.server["id"]).mkdir()
        self._rescue_server(had.server)
        self.after_kept("rescue", had)
        self.restart_compute_service("compute1")
        self.after_kept("restart of nova-compute while rescued", had)
        self._unrescue_server(had.server)
        self.after_kept("unrescue", had)

    def test_unrescue_gives_them_back_at_the_addresses_that_they_have_after_a_reboot_of_the_host(self) -> None:
        had = self.boot_with_data()
        Path(base.CONF.instances_path, had.server["id"]).mkdir()
        self._rescue_server(had.server)
        machine = self.crash("compute1")
        reboot(machine, self.connections["compute1"], renumbered=True)
        self.come_back("compute1")
        self._unrescue_server(had.server)
        self.after_kept("unrescue after a reboot of the host that moved addresses", had)

    def test_a_reboot_of_the_host_brings_guests_back_with_their_devices_wherever_those_are_now(self) -> None:
        self.flags(resume_guests_state_on_host_boot=True)
        had = self.boot_with_data()
        for number, renumbered in enumerate((False, True), 2):
            machine = self.crash("compute1")
            reboot(machine, self.connections["compute1"], renumbered=renumbered, number=number)
            self.come_back("compute1")
            self._wait_for_state_change(had.server, "ACTIVE")
            self.after_kept(f"host reboot{', devices renumbered' if renumbered else ''}", had)

    def test_a_stopped_server_keeps_its_devices_over_a_reboot_of_the_host_that_renumbers_them(self) -> None:
        had = self.boot_with_data()
        self._stop_server(had.server)
        reboot(self.crash("compute1"), self.connections["compute1"], renumbered=True)
        self.come_back("compute1")
        self._start_server(had.server)
        self.after_kept("stop, host reboot, devices renumbered, start", had)

    def test_a_guest_that_libvirt_began_before_nova_compute_keeps_its_namespace(self) -> None:
        had = self.boot_with_data(self.flavor_of(SIX))
        reboot(self.crash("compute1"), self.connections["compute1"])
        autostart(self.connections["compute1"], had.server)
        self.come_back("compute1")
        self.after_kept("host reboot, guest begun by autostart", had)

    def test_what_libvirt_guests_saved_as_the_host_shut_down_is_thrown_away_by_a_start_of_nova(self) -> None:
        self.flags(resume_guests_state_on_host_boot=True)
        had = self.boot_with_data(self.flavor_of(SIX))
        self.guest_of(had).managedSave(0)
        reboot(self.crash("compute1"), self.connections["compute1"])
        self.come_back("compute1")
        self._wait_for_state_change(had.server, "ACTIVE")
        assert not self.guest_of(had).hasManagedSaveImage(0)
        self.after_kept("host reboot, guest saved by libvirt-guests", had)
