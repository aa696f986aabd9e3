"""What we touch of Nova beside its public driver interface is still as we know it."""

import inspect
from unittest import mock

import pytest
from nova.compute.manager import ComputeManager, ComputeVirtAPI
from nova.compute.provider_tree import ProviderTree
from nova.compute.resource_tracker import ResourceTracker
from nova.objects.instance import Instance
from nova.virt.libvirt.driver import LibvirtDriver
from nova.virt.libvirt.guest import Guest

from nova_accel.virt import nova_database, nova_private
from nova_accel.virt.driver import AccelLibvirtDriver
from tests.functional import base

# What we rest on in Nova has to be there in every release that is supported.
pytestmark = pytest.mark.essential

# method: the parameters that we name ourselves, in their order
OVERRIDDEN = {
    "init_host": ["self", "host"],
    "cleanup_host": ["self", "host"],
    "update_provider_tree": ["self", "provider_tree", "nodename", "allocations"],
    "destroy": ["self", "context", "instance"],
    "suspend": ["self", "context", "instance"],
    "resume": ["self", "context", "instance"],
    "spawn": ["self", "context", "instance"],
    "rebuild": ["self", "context", "instance"],
    "reboot": ["self", "context", "instance"],
    "unrescue": ["self", "context", "instance"],
    "check_can_live_migrate_destination": ["self", "context", "instance"],
    "check_can_live_migrate_source": ["self", "context", "instance"],
    "_get_guest_config": ["self", "instance"],
    "_create_guest": ["self", "context", "xml", "instance"],
    "_soft_reboot": ["self", "instance"],
    "_resume_guest_after_snapshot": ["self", "context", "live_snapshot", "original_power_state", "instance", "guest"],
}


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_what_we_override_still_takes_what_we_pass_on(name):
    known = OVERRIDDEN[name]
    assert list(inspect.signature(getattr(LibvirtDriver, name)).parameters)[: len(known)] == known


def test_every_override_is_in_the_list():
    ours = {name for name, value in vars(AccelLibvirtDriver).items() if inspect.isfunction(value)}
    assert {name for name in ours if hasattr(LibvirtDriver, name)} - {"__init__"} == set(OVERRIDDEN)


@pytest.mark.parametrize("caller", ["_hard_reboot", "spawn", "finish_migration", "finish_revert_migration", "rescue"])
def test_these_make_their_xml_and_start_their_guest_through_what_we_override(caller):
    source = inspect.getsource(getattr(LibvirtDriver, caller))
    assert "_get_guest_xml(" in source or "_hard_reboot(" in source
    assert "_create_guest" in source or "_hard_reboot(" in source


def test_devices_are_detached_as_nova_detaches_disks():
    known = ["self", "guest", "instance_uuid", "get_device_conf_func", "device_name"]
    assert list(inspect.signature(LibvirtDriver._detach_with_retry).parameters) == known


def test_what_is_saved_of_a_guest_is_read_from_and_written_to_libvirts_own_domain():
    asked = mock.Mock(spec=["hasManagedSaveImage", "managedSaveGetXMLDesc", "managedSaveDefineXML"])
    # Made without its __init__, which wants libvirt's Python module.
    guest = Guest.__new__(Guest)
    guest._domain = asked
    assert "self._domain = domain" in inspect.getsource(Guest.__init__)
    asked.hasManagedSaveImage.return_value = 0
    assert nova_private.saved_xml(guest) is None
    asked.hasManagedSaveImage.return_value = 1
    assert nova_private.saved_xml(guest) is asked.managedSaveGetXMLDesc.return_value
    nova_private.change_saved_xml(guest, "<domain/>")
    asked.managedSaveDefineXML.assert_called_once_with("<domain/>", 0)


def test_a_guest_that_does_not_start_loses_what_was_saved_so_it_is_looked_at_before():
    source = inspect.getsource(LibvirtDriver._create_guest_with_network)
    assert source.index("self._create_guest(") < source.index("self._cleanup(")


def test_every_start_of_a_guest_is_known():
    starts = {
        name
        for name, value in vars(LibvirtDriver).items()
        if inspect.isfunction(value)
        and (".launch(" in inspect.getsource(value) or "Guest.create(" in inspect.getsource(value))
    }
    assert starts == {"_create_guest", "_soft_reboot", "_resume_guest_after_snapshot"}


def test_a_rebuild_is_first_left_to_the_driver_which_sees_what_a_move_was_to_give():
    source = inspect.getsource(ComputeManager._do_rebuild_instance)
    asked = source.index("self.driver.rebuild(")
    assert source.index("with instance.mutated_migration_context():") < asked
    assert asked < source.index("except NotImplementedError:") < source.index("self._rebuild_default_impl(")
    assert "evacuate" in inspect.signature(ComputeManager._rebuild_default_impl).parameters
    assert list(inspect.signature(Instance.drop_migration_context).parameters) == ["self"]


def test_the_provider_trees_methods_are_there():
    for name in ("exists", "data", "new_child", "update_inventory", "update_traits", "update_resources"):
        assert callable(getattr(ProviderTree, name))


def test_providers_can_be_read_without_a_copy():
    tree = ProviderTree()
    tree.new_root("node", "5d0b6d2c-8f0e-4a55-9a3b-2c7f9a1e6b41")
    uuid = tree.new_child("child", "node")
    tree.update_inventory(uuid, {"CUSTOM_SSD": {"total": 1}})
    tree.update_traits(uuid, ["CUSTOM_A"])
    found = nova_private.children(tree, "node")
    data = tree.data(uuid)
    assert set(found) == {uuid}
    assert (found[uuid].inventory, found[uuid].traits) == (data.inventory, data.traits)
    assert found[uuid].resources == data.resources
    with pytest.raises(ValueError, match="No such provider"):
        nova_private.children(tree, "another")


class TrackerTest(base.AccelTestCase):
    def test_the_tracker_knows_what_was_given_out(self) -> None:
        self.start_host("compute1", *base.ssds(1))
        manager = self.computes["compute1"].manager
        virtapi = ComputeVirtAPI(manager)
        assert nova_private.claimed_resources(virtapi) == []
        self.boot(self.ssd_flavor())
        assert [resource.identifier for resource in nova_private.claimed_resources(virtapi)] == ["SN01"]
        nova_private.update_placement(virtapi, ["compute1", "another"])
        assert nova_private.claimed_resources(object()) is None
        assert list(inspect.signature(ResourceTracker.update_available_resource).parameters)[:3] == [
            "self",
            "context",
            "nodename",
        ]

    def test_the_database_says_what_became_of_a_server_and_nothing_of_one_that_it_does_not_know(self) -> None:
        self.start_host("compute1", *base.ssds(1))
        server = self.boot(self.ssd_flavor())
        facts = nova_database.server_facts(server["id"])
        assert (facts.deleted, facts.host, facts.vm_state, facts.task_state) == (False, "compute1", "active", None)
        assert {handle.identity for handle in facts.claimed} == {"SN01"}
        self._delete_server(server)
        assert nova_database.server_facts(server["id"]).deleted
        assert nova_database.server_facts("00000000-0000-4000-8000-000000000000") is None
