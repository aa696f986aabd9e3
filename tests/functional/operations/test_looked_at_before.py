"""A guest is not given up where its devices turn out to be away, and what is not ours to judge is left to Nova."""

from unittest import mock

import pytest
from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest

from nova_accel.virt import nova_private
from nova_accel.virt.driver import AccelLibvirtDriver
from tests.functional import base
from tests.functional.operations.case import SSD
from tests.functional.operations.foreseen import ForeseenCase

GONE = fakelibvirt.make_libvirtError(
    fakelibvirt.libvirtError, "the domain is gone", error_code=fakelibvirt.VIR_ERR_NO_DOMAIN
)


class LookedAtBeforeTest(ForeseenCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1)

    def test_a_device_that_was_taken_out_since_the_last_look_leaves_the_guest_running(self) -> None:
        had = self.boot_with_data(self.flavor_of(SSD))
        (held,) = had.handles
        machine, device = self.machines["compute1"], self.five.device(held)
        machine.unplug(device.address)
        with self.watching_destroys() as ended:
            self.not_rebooted(had, "HARD")
            self.not_rebuilt(had, "it is not in this host")
        assert ended == []

    def test_a_cold_snapshot_that_could_not_give_the_devices_back_leaves_the_guest_running(self) -> None:
        self.flags(disable_libvirt_livesnapshot=True, group="workarounds")
        had = self.boot_with_data(self.flavor_of(SSD))
        with self.without_ledger(), self.watching_destroys():
            self.api.post_server_action(had.server["id"], {"createImage": {"name": "cold"}})
            self.hears("goes on as before")
            self._wait_for_server_parameter(had.server, {"OS-EXT-STS:task_state": None})
            assert self.is_active(had)
        self.after_kept("cold snapshot refused, the ledger cannot be used", had)

    def test_a_server_is_suspended_while_the_ledger_cannot_be_used(self) -> None:
        had = self.boot_with_data(self.flavor_of(SSD))
        with self.without_ledger():
            self.action(had.server, "SUSPENDED", suspend={})
        self.action(had.server, "ACTIVE", resume={})
        self.after_kept("suspend without the ledger, then resume", had)

    def test_a_suspend_that_fails_and_leaves_a_device_out_is_not_said_to_have_changed_nothing(self) -> None:
        had = self.boot_with_data(self.flavor_of(SSD))
        guest = self.guest_of(had)
        guest.cannot_be_saved = True
        (alias,) = base.elements(self.domain_xml(had.server), "devices/hostdev/alias")
        guest.does_not_take = (alias.get("name"),)
        self.api.post_server_action(had.server["id"], {"suspend": {}})
        self._wait_for_state_change(had.server, "ERROR")
        self.hears("did not come back")
        assert self.is_active(had)

    def test_a_snapshot_of_a_server_without_devices_of_ours_is_novas(self) -> None:
        self.flags(disable_libvirt_livesnapshot=True, group="workarounds")
        plain = self.boot(self.flavor())
        with base.patched(nova_private, "saved_xml", mock.Mock(side_effect=RuntimeError("access denied"))):
            self._snapshot_server(plain, "cold")
            self._wait_for_server_parameter(plain, {"OS-EXT-STS:task_state": None})
        connection = self.computes["compute1"].driver._host.get_connection()
        assert connection.lookupByUUIDString(plain["id"]).isActive()

    @pytest.mark.essential
    def test_a_guest_that_disappears_in_a_live_snapshot_is_told_as_nova_tells_it(self) -> None:
        plain = self.boot(self.flavor())
        context = nova_context.get_admin_context()
        instance = objects.Instance.get_by_uuid(context, plain["id"])
        driver = self.computes["compute1"].driver
        image = self.computes["compute1"].manager.image_api.create(
            context, {"name": "live", "status": "queued", "properties": {}}
        )

        def disappears(*_: object, **__: object) -> None:
            raise GONE

        assert type(driver) is AccelLibvirtDriver
        with (
            base.patched(libvirt_driver.LibvirtDriver, "_live_snapshot", disappears),
            mock.patch.object(libvirt_guest.Guest, "get_xml_desc", disappears),
            pytest.raises(nova_exception.InstanceNotFound),
        ):
            driver.snapshot(context, instance, image["id"], lambda **_: None)
