"""What a server's life does to its SSD: kept while it lives, erased on evidence only."""

from pathlib import Path

import pytest
from nova import context as nova_context
from nova import exception as nova_exception
from nova.virt.libvirt import driver as libvirt_driver
from nova.virt.libvirt import guest as libvirt_guest

from nova_accel.model import HandleId
from nova_accel.virt import nova_database
from nova_accel.virt.reconcile import Claims, Moved
from tests.functional import base

ONE = "0000:01:00.0"
SECRET = {4096: b"a tenant's"}


class LifeOfAServerTest(base.AccelTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.machine = self.start_host("compute1", *base.ssds(2))
        self.flavor = self.ssd_flavor()

    def server_with_data(self) -> tuple[dict, str, str]:
        server = self.boot(self.flavor)
        (serial,) = self.in_domain(server)
        (address,) = [ssd.address for ssd in self.machine.ssds.values() if ssd.serial == serial]
        self.machine.ssds[address].content = dict(SECRET)
        return server, serial, address

    def assert_kept(self, server: dict, serial: str, address: str) -> None:
        assert self.machine.ssds[address].content == SECRET
        assert self.in_domain(server) == self.in_instance(server) == [serial]
        assert self.state(serial) == "assigned"
        assert (self.inventory(serial)["reserved"], self.used(serial)) == (0, 1)

    def assert_reserved_and_not_offered(self, serial: str, address: str) -> None:
        assert self.machine.ssds[address].content == SECRET
        assert self.machine.ssds[address].bound_to == "vfio-pci"
        assert (self.inventory(serial)["reserved"], self.used(serial)) == (1, 0)
        resources = self.computes["compute1"].manager.rt.provider_tree.data(f"compute1_accel_ssd_{serial}").resources
        assert resources["CUSTOM_SSD"] == set()

    def action(self, server: dict, **action: object) -> None:
        self.api.post_server_action(server["id"], action)

    @pytest.mark.essential
    def test_a_restart_of_nova_compute_changes_nothing(self) -> None:
        server, serial, address = self.server_with_data()
        before = {name: provider["generation"] for name, provider in self.our_providers().items()}
        self.restart_compute_service("compute1")
        self.assert_kept(server, serial, address)
        assert {name: provider["generation"] for name, provider in self.our_providers().items()} == before
        other = self.boot(self.flavor)
        assert self.in_domain(other) != [serial]

    @pytest.mark.essential
    def test_stop_start_and_both_reboots_keep_the_ssd_and_its_data(self) -> None:
        server, serial, address = self.server_with_data()
        self.action(server, **{"os-stop": None})
        self._wait_for_state_change(server, "SHUTOFF")
        self.audit()
        self.action(server, **{"os-start": None})
        self._wait_for_state_change(server, "ACTIVE")
        self.assert_kept(server, serial, address)
        self._reboot_server(server, hard=True)
        self._reboot_server(server)
        self.assert_kept(server, serial, address)

    def test_a_rebuild_keeps_them_with_their_data_if_the_operator_wants_it_so(self) -> None:
        self.flags(on_rebuild="keep", group="nova_accel")
        self.restart_compute_service("compute1")
        server, serial, address = self.server_with_data()
        self._rebuild_server(server, "155d900f-4e14-4e4c-a73d-069cbf4541e6")
        self.assert_kept(server, serial, address)

    def test_shelve_offload_leaves_it_reserved_until_it_is_seen_to_have_happened_and_cleaned(self) -> None:
        self.flags(shelved_offload_time=0)
        server, serial, address = self.server_with_data()
        self._shelve_server(server, expected_state="SHELVED_OFFLOADED")
        assert self.computes["compute1"].driver._accel._is_expected(), "else it would wait for the next round"
        self.audit()
        self.assert_reserved_and_not_offered(serial, address)
        self.computes["compute1"].driver._accel.work()
        assert self.machine.ssds[address].content == {}
        self._unshelve_server(server)
        assert len(self.in_instance(server)) == 1
        assert self.inventory(serial)["reserved"] == 0

    def test_a_server_deleted_while_nova_compute_is_away_is_cleaned_up_after_at_its_next_start(self) -> None:
        server, serial, address = self.server_with_data()
        compute = self.computes["compute1"]
        compute.stop()
        self.admin_api.put_service_force_down(
            self.admin_api.get_services(host="compute1", binary="nova-compute")[0]["id"], True
        )
        self.api.delete_server(server["id"])
        self._wait_until_deleted(server)
        self.flags(running_deleted_instance_action="reap", running_deleted_instance_timeout=0)
        self.restart_compute_service("compute1")
        # The guest still runs: until Nova reaps it, it keeps its SSD.
        assert self.state(serial) == "assigned"
        assert self.machine.ssds[address].content == SECRET
        manager = self.computes["compute1"].manager
        manager._cleanup_running_deleted_instances(nova_context.get_admin_context())
        manager.driver._accel.work()
        assert self.state(serial) == "available"
        assert self.machine.ssds[address].content == {}

    def test_a_guest_that_libvirt_refuses_gives_no_handle_away_unclean(self) -> None:
        def refuse(*args: object, **kwargs: object) -> None:
            raise nova_exception.InternalError("libvirt says no")

        with base.patched(libvirt_guest.Guest, "create", refuse):
            server = self.boot(self.flavor, "ERROR")
        # It may have reached the guest, so it is cleaned although the server is still there.
        assert self.ledger().of_server(server["id"]) == ()
        assert [call[0] for call in self.machine.calls].count("erase") == 1
        assert {entry.state.value for entry in self.ledger().entries().values()} == {"available"}
        self._delete_server(server)

    def test_with_a_broken_ledger_other_servers_live_and_die_and_nothing_of_ours_is_given_away(self) -> None:
        with_ssd, serial, address = self.server_with_data()
        ledger = Path(self.ledger().path)
        kept = ledger.read_bytes()
        ledger.write_bytes(b"no database" * 1000)
        self._delete_server(self.boot(self._create_flavor(memory_mb=64, vcpu=1, disk=0, ephemeral=0)))
        refused = self.boot(self.flavor, "ERROR")
        self._delete_server(with_ssd)
        assert self.machine.ssds[address].content == SECRET
        ledger.write_bytes(kept)
        self._delete_server(refused)
        self.computes["compute1"].driver._accel.work()
        assert self.state(serial) == "available"
        assert self.machine.ssds[address].content == {}

    def lose_ledger(self) -> None:
        for file in Path(self.ledger().path).parent.glob("compute1.sqlite*"):
            file.unlink()
        self.restart_compute_service("compute1")

    def test_with_a_lost_ledger_a_stopped_server_keeps_its_ssd_and_its_data(self) -> None:
        server, serial, address = self.server_with_data()
        self._stop_server(server)
        self.lose_ledger()
        assert self.entry(serial).server == server["id"]
        server = self._start_server(server)
        self.assert_kept(server, serial, address)
        self._delete_server(server)
        assert self.state(serial) == "available"
        assert self.machine.ssds[address].content == {}

    def test_with_a_lost_ledger_a_running_server_keeps_its_ssd_and_its_data(self) -> None:
        server, serial, address = self.server_with_data()
        self.lose_ledger()
        self.assert_kept(server, serial, address)
        self._reboot_server(server, hard=True)
        self.assert_kept(server, serial, address)

    def test_with_an_older_ledger_nothing_it_calls_available_is_taken_for_clean(self) -> None:
        file = Path(self.ledger().path)
        older = file.read_bytes()
        server, serial, address = self.server_with_data()
        self._stop_server(server)
        self.computes["compute1"].stop()
        file.write_bytes(older)
        for beside in ("-wal", "-shm"):
            file.with_name(file.name + beside).unlink(missing_ok=True)
        self.restart_compute_service("compute1")
        self.assert_kept(self._start_server(server), serial, address)
        assert "it is an older copy" in self.stdlog.logger.output or "is older than it was" in self.stdlog.logger.output

    def test_a_ledger_that_cannot_be_written_to_stops_nothing_but_what_needs_it(self) -> None:
        path = Path(self.ledger().path)
        kept = path.with_name("kept")
        path.rename(kept)
        path.mkdir()
        self.restart_compute_service("compute1")
        self._delete_server(self.boot(self._create_flavor(memory_mb=64, vcpu=1, disk=0, ephemeral=0)))
        self.boot(self.flavor, "ERROR")
        path.rmdir()
        kept.rename(path)
        self.computes["compute1"].driver._accel.work()
        self.boot(self.flavor)

    def test_what_the_ledger_calls_dirty_is_not_offered_whatever_placement_says(self) -> None:
        for serial in ("SN01", "SN02"):
            self.ledger().host_used_it(HandleId("CUSTOM_SSD", serial), "for this test")
        # Placement has not heard of it yet, so the scheduler still sends servers here.
        server = self.boot(self.flavor, "ERROR")
        assert self.ledger().of_server(server["id"]) == ()


class ConfigurationTest(base.AccelTestCase):
    @pytest.mark.essential
    def test_wrong_configuration_stops_the_start_with_one_sentence(self) -> None:
        self.flags(nvme_ssd_filter=["vendor:8086"], group="nova_accel")
        with pytest.raises(nova_exception.InvalidConfiguration) as error:
            self.start_host("compute1")
        assert str(error.value) == (
            "[nova_accel] nvme_ssd_filter = 'vendor:8086' is not valid: "
            "expected key:pattern with each key once, out of vendor_id, product_id, address, serial."
        )


class MovedServerTest(base.AccelTestCase):
    """What a server leaves behind on a host stays reserved with its data until the move has come to its end."""

    def setUp(self) -> None:
        super().setUp()
        for host in ("compute1", "compute2"):
            self.start_host(host, *base.ssds(1))
        self.server = self.boot(self.ssd_flavor(), host="compute1")
        self.source = self.machines["compute1"].ssds[ONE]
        self.source.content = dict(SECRET)

        def power_off(driver: libvirt_driver.LibvirtDriver, context: object, instance: object, *args: object) -> str:
            driver.power_off(instance)
            return "{}"

        with base.patched(libvirt_driver.LibvirtDriver, "migrate_disk_and_power_off", power_off):
            self.api.post_server_action(self.server["id"], {"migrate": None})
            self._wait_for_state_change(self.server, "VERIFY_RESIZE")

    def work(self) -> None:
        for host in ("compute1", "compute2"):
            self.computes[host].driver._accel.work()

    def test_what_is_left_at_the_source_is_kept_until_the_move_is_confirmed_and_cleaned_then(self) -> None:
        self.work()
        assert self.source.content == SECRET
        assert (self.state("SN01", "compute1"), self.state("SN01", "compute2")) == ("assigned", "assigned")
        for host in ("compute1", "compute2"):
            assert nova_database.claimants(host) == {HandleId("CUSTOM_SSD", "SN01"): {self.server["id"]}}
        ssd = frozenset({HandleId("CUSTOM_SSD", "SN01")})
        left = Moved(self.server["id"], ssd, may_come_back=True)
        assert nova_database.claims("compute1") == Claims({}, (left,))
        assert nova_database.claims("compute2") == Claims({self.server["id"]: ssd}, ())
        # The source's nova-compute knows its own name; in one process with the other it has to be told.
        self.flags(host="compute1")
        self.api.post_server_action(self.server["id"], {"confirmResize": None})
        self._wait_for_state_change(self.server, "ACTIVE")
        self.audit()
        assert self.in_domain(self.server, "compute2") == ["SN01"]
        assert (self.inventory("SN01", "compute1")["reserved"], self.used("SN01", "compute1")) == (1, 0)
        assert self.source.content == SECRET
        self.work()
        assert self.source.content == {}
        assert self.state("SN01", "compute1") == "available"
        assert self.state("SN01", "compute2") == "assigned"
        self.boot(self.ssd_flavor(), host="compute1")

    @pytest.mark.essential
    def test_a_reverted_migration_gives_the_server_its_old_ssd_with_its_data(self) -> None:
        self.machines["compute2"].ssds[ONE].content = dict(SECRET)
        self.api.post_server_action(self.server["id"], {"revertResize": None})
        self._wait_for_state_change(self.server, "ACTIVE")
        self.audit()
        assert self.in_domain(self.server, "compute1") == self.in_instance(self.server) == ["SN01"]
        assert self.source.content == SECRET
        assert (self.inventory("SN01", "compute1")["reserved"], self.used("SN01", "compute1")) == (0, 1)
        assert (self.inventory("SN01", "compute2")["reserved"], self.used("SN01", "compute2")) == (1, 0)
        assert self.machines["compute2"].ssds[ONE].content == SECRET
        self.work()
        assert self.machines["compute2"].ssds[ONE].content == {}
        assert self.source.content == SECRET


class EvacuatedServerTest(base.AccelTestCase):
    def test_the_old_host_cleans_what_an_evacuated_server_left_once_its_guest_is_gone(self) -> None:
        for host in ("compute1", "compute2"):
            self.start_host(host, *base.ssds(1))
        server = self.boot(self.ssd_flavor(), host="compute1")
        left = self.machines["compute1"].ssds[ONE]
        left.content = dict(SECRET)
        self.computes["compute1"].stop()
        (service,) = self.admin_api.get_services(host="compute1", binary="nova-compute")
        self.admin_api.put_service_force_down(service["id"], True)
        self._evacuate_server(server, expected_host="compute2", expected_state="ACTIVE")
        assert self.in_domain(server, "compute2") == ["SN01"]
        self.restart_compute_service("compute1")
        self.admin_api.put_service_force_down(service["id"], False)
        self.computes["compute1"].driver._accel.work()
        assert self.state("SN01", "compute1") == "available"
        assert left.content == {}
        assert self.state("SN01", "compute2") == "assigned"


class ResizedInPlaceTest(base.AccelTestCase):
    def test_a_server_that_is_resized_on_its_host_keeps_the_old_ssd_until_that_is_confirmed(self) -> None:
        self.flags(allow_resize_to_same_host=True)
        machine = self.start_host("compute1", *base.ssds(2))
        server = self.boot(self.ssd_flavor())
        (old,) = self.in_instance(server)
        (address,) = [ssd.address for ssd in machine.ssds.values() if ssd.serial == old]
        machine.ssds[address].content = dict(SECRET)

        def power_off(driver: libvirt_driver.LibvirtDriver, context: object, instance: object, *args: object) -> str:
            driver.power_off(instance)
            return "{}"

        with base.patched(libvirt_driver.LibvirtDriver, "migrate_disk_and_power_off", power_off):
            self._resize_server(server, self.ssd_flavor())
        accel = self.computes["compute1"].driver._accel
        accel.work()
        assert machine.ssds[address].content == SECRET
        self._confirm_resize(server)
        (new,) = self.in_instance(server)
        assert new != old
        accel.work()
        assert machine.ssds[address].content == {}
        assert (self.state(old), self.state(new)) == ("available", "assigned")
