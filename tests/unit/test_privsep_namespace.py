"""From a namespace's name and its label's uuid to the dax device, over sysfs as it was recorded."""

import dataclasses
import os

import pytest

from nova_accel.privsep import namespace
from nova_accel.privsep.errors import Refused
from tests.unit import nd_tree

# The uuids of the labels, which ndctl calls raw_uuid.
FIRST = "cb10e1ac-f1fe-4afe-8a19-33f7e81f3f74"
NAMED = "f1a9c87f-75c0-43eb-83af-719970c099a6"
OF_THE_HOLDER = "f2c639c4-452d-42da-ba2e-d66324dc8b4f"


@pytest.fixture
def sys(tmp_path):
    return nd_tree.build(tmp_path / "sys")


def nd(sys, name):
    return sys / "bus/nd/devices" / name


def test_a_namespace_leads_to_its_dax_device(sys):
    device = namespace.find(sys, "namespace0.1", NAMED)
    assert dataclasses.replace(device, incarnation=0) == namespace.DaxDevice(
        "namespace0.1", NAMED, "dax0.1", os.makedev(253, 1), 526385152, 2097152, 0
    )
    assert device == namespace.find(sys, "namespace0.1", NAMED.upper())


def test_the_holder_may_have_another_number_than_the_dax_device(sys):
    nd(sys, "dax0.1").rename(nd(sys, "dax0.7"))
    (nd(sys, "namespace0.1") / "holder").write_text("dax0.7\n")
    assert namespace.find(sys, "namespace0.1", NAMED).name == "dax0.1"


def test_a_device_made_again_is_another_one(sys):
    before = namespace.find(sys, "namespace0.1", NAMED)
    folder = nd(sys, "dax0.1") / "dax0.1"
    folder.rename(sys / "gone")
    folder.mkdir()
    for file in (sys / "gone").iterdir():
        file.rename(folder / file.name)
    assert namespace.find(sys, "namespace0.1", NAMED) != before


@pytest.mark.parametrize(
    "dev",
    ["", "namespace0.1/../namespace0.0", "../0.1", "namespace0.1\n", "dax0.1", "namespace\uff10.1", None, 5, b"x"],
)
def test_a_name_from_outside_is_never_used_unchecked(sys, dev):
    for function in (lambda: namespace.find(sys, dev, NAMED), lambda: namespace.block_names(sys, dev)):
        with pytest.raises(Refused, match=r"is not a namespace such as namespace0.1"):
            function()
    with pytest.raises(Refused, match=r"is not a namespace"):
        namespace.dax_numbers(sys, dev)


def test_a_namespace_that_is_not_there_is_refused(sys):
    with pytest.raises(Refused, match=r"^there is no namespace7.1$"):
        namespace.find(sys, "namespace7.1", NAMED)


@pytest.mark.parametrize("uuid", [FIRST, OF_THE_HOLDER, "", None, 5])
def test_another_namespace_under_the_name_is_refused(sys, uuid):
    with pytest.raises(Refused, match=rf"^namespace0.1 is the namespace with uuid {NAMED}, not {uuid}$"):
        namespace.find(sys, "namespace0.1", uuid)


@pytest.mark.parametrize("uuid", ["", "00000000-0000-0000-0000-000000000000"])
def test_an_empty_slot_has_no_identity_that_could_match(sys, uuid):
    (nd(sys, "namespace0.5") / "uuid").write_text(uuid + "\n")
    with pytest.raises(Refused, match=r"namespace0.5 is the namespace with uuid"):
        namespace.find(sys, "namespace0.5", uuid)


@pytest.mark.parametrize(
    ("dev", "uuid", "mode"),
    [
        ("namespace0.2", "71ac9f4e-fd65-4674-9460-291456bbb6bf", "fsdax"),
        ("namespace0.3", "d2ff4a00-dfec-4892-8392-99296be289c7", "sector"),
        ("namespace0.4", "2998542e-347b-414a-ae33-68530061f4cd", "raw"),
    ],
)
def test_only_devdax_will_do(sys, dev, uuid, mode):
    with pytest.raises(Refused, match=rf"^{dev} is disabled or in mode {mode}, not devdax$"):
        namespace.find(sys, dev, uuid)


def test_a_disabled_namespace_is_refused(sys):
    nd_tree.disable(sys, "0.0")
    with pytest.raises(Refused, match=r"^namespace0.0 is disabled or in mode raw, not devdax$"):
        namespace.find(sys, "namespace0.0", FIRST)


def test_a_namespace_whose_dax_device_has_just_gone_is_refused(sys):
    (nd(sys, "dax0.0") / "dax0.0").rename(sys / "gone")
    with pytest.raises(Refused, match=r"namespace0.0 has 0 dax devices: it is disabled"):
        namespace.find(sys, "namespace0.0", FIRST)


def test_memory_of_the_host_is_refused(sys):
    nd_tree.bind(nd(sys, "dax0.1") / "dax0.1", "kmem")
    with pytest.raises(Refused, match=r"dax0.1 of namespace0.1 is memory of this host \(system-ram\), not devdax"):
        namespace.find(sys, "namespace0.1", NAMED)


def test_a_dax_device_that_its_driver_did_not_take_is_refused(sys):
    with pytest.raises(Refused, match=r"dax1.1 of namespace1.1 is bound to None, not device_dax"):
        namespace.find(sys, "namespace1.1", "44709c14-d000-488a-8d7a-580baa242a9e")


def test_a_dax_device_without_a_size_is_refused(sys):
    nd_tree.bind(nd(sys, "dax1.1") / "dax1.1", "device_dax")
    with pytest.raises(Refused, match=r"dax1.1 of namespace1.1 has no size"):
        namespace.find(sys, "namespace1.1", "44709c14-d000-488a-8d7a-580baa242a9e")


def test_a_holder_that_says_it_holds_another_one_does_not_count(sys):
    (nd(sys, "namespace0.1") / "holder").write_text("dax0.0\n")
    with pytest.raises(Refused, match=r"namespace0.1 has 0 dax devices"):
        namespace.find(sys, "namespace0.1", NAMED)


def test_a_holder_is_never_used_as_a_path_unchecked(sys):
    (nd(sys, "namespace0.1") / "holder").write_text("../devices/dax0.1\n")
    with pytest.raises(Refused, match=r"namespace0.1 has 0 dax devices"):
        namespace.find(sys, "namespace0.1", NAMED)


def test_the_name_that_processes_may_still_have_open_is_known_when_the_device_is_gone(sys):
    assert namespace.dax_numbers(sys, "namespace0.1") == {"dax0.1": os.makedev(253, 1)}
    nd_tree.disable(sys, "0.1")
    assert namespace.dax_numbers(sys, "namespace0.1") == {"dax0.1": None}
    assert namespace.dax_numbers(sys, "namespace9.9") == {"dax9.9": None}


@pytest.mark.parametrize(
    ("dev", "disks"),
    [
        ("namespace0.1", ()),
        ("namespace0.2", ("pmem0.2",)),
        ("namespace0.3", ("pmem0.3s",)),
        ("namespace0.4", ("pmem0.4",)),
        ("namespace0.5", ()),
    ],
)
def test_the_disk_of_another_mode_is_found(sys, dev, disks):
    assert namespace.block_names(sys, dev) == disks
