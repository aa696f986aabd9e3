"""A scenario becomes QEMU's arguments."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import re

import pytest

from lab import initramfs, qemu
from lab.scenario import (
    Chance,
    Namespace,
    Nvdimm,
    Place,
    Scenario,
    Shape,
    Ssd,
    Use,
    bare,
    no_iommu,
    record,
    smoke,
    verdicts,
)

AROUND = qemu.Surroundings(
    kernel=pathlib.Path("/k/vmlinuz"),
    initramfs=pathlib.Path("/r/initramfs"),
    packages=pathlib.Path("/c/packages"),
    kernel_tree=pathlib.Path("/k"),
    run=pathlib.Path("/r"),
    share=pathlib.Path("/r/share"),
    scripts=pathlib.Path("/s"),
    images=pathlib.Path("/r/images"),
    console=pathlib.Path("/r/console.log"),
    monitor=pathlib.Path("/r/qmp"),
    ssh_port=2222,
    enter=(pathlib.Path("/a"), pathlib.Path("/b")),
)


def devices(scenario: Scenario, around: qemu.Surroundings = AROUND) -> list[str]:
    words = qemu.arguments(scenario, around)
    return [value for option, value in itertools.pairwise(words) if option == "-device"]


def one(scenario: Scenario, start: str) -> dict[str, str]:
    found = [text for text in devices(scenario) if text.startswith(start)]
    assert len(found) == 1, found
    return dict(word.partition("=")[::2] for word in found[0].split(","))


def test_every_device_on_the_root_bus_has_a_slot_of_its_own() -> None:
    slots = [text.rpartition("addr=")[2] for text in devices(record(Chance(1))) if "bus=pcie.0" in text]
    assert len(slots) == len(set(slots)) > 10


def test_an_ssd_of_its_own_sits_behind_a_root_port_of_its_own() -> None:
    scenario = Scenario("two", (Ssd("a", "SN1", 64), Ssd("b", "SN2", 64)))
    assert one(scenario, "nvme,id=a")["serial"] == "SN1"
    assert one(scenario, "nvme,id=a")["bus"] == "port-a"
    assert one(scenario, "nvme,id=b")["bus"] == "port-b"
    assert one(scenario, "pcie-root-port,id=port-a")["chassis"] != one(scenario, "pcie-root-port,id=port-b")["chassis"]


def test_root_ports_share_a_slot_as_its_functions_and_each_has_a_place() -> None:
    ports = [text.rpartition("addr=")[2] for text in devices(verdicts(Chance(1))) if text.startswith("pcie-root-port")]
    places = [place.partition(",")[0] for place in ports if "." in place]
    assert len(places) == len(set(places)) > qemu.PORTS_IN_A_SLOT
    assert {place.partition(".")[2] for place in places} == {str(function) for function in range(8)}
    assert all("multifunction=on" in place for place in ports if "." in place)


def test_two_ssds_may_have_one_serial_in_two_subsystems() -> None:
    scenario = verdicts(Chance(1))
    twins = [one(scenario, f"nvme,id=twin-{name},") for name in "ab"]
    assert twins[0]["serial"] == twins[1]["serial"] != ""
    assert twins[0]["subsys"] != twins[1]["subsys"]
    assert one(scenario, "nvme,id=no-serial,")["serial"] == ""


def test_a_host_without_iommu_has_none() -> None:
    assert not [text for text in devices(no_iommu(Chance(1))) if "iommu" in text]
    assert [text for text in devices(bare(Chance(1))) if text.startswith("intel-iommu")]


def test_every_use_and_shape_is_done_by_a_script() -> None:
    for script, members in (("l1-use", Use), ("l1-namespaces", Shape)):
        text = (initramfs.SCRIPTS / script).read_text()
        assert [
            one for one in members if one.value and not re.search(rf"^ +(.+ \| )?{one.value}( \| .+)?\)", text, re.M)
        ] == []


def test_those_that_share_a_group_sit_on_one_plain_bridge() -> None:
    scenario = smoke(Chance(1))
    assert {one(scenario, f"nvme,id=shared-{name}")["bus"] for name in "ab"} == {"shared"}
    assert len({one(scenario, f"nvme,id=shared-{name}")["addr"] for name in "ab"}) == 2
    assert one(scenario, "pci-bridge")["id"] == "shared"


def test_one_far_away_sits_on_the_second_node_which_then_exists() -> None:
    scenario = Scenario("far", (Ssd("far", "SN", 64, Place.NODE_1),))
    assert one(scenario, "pxb-pcie")["numa_node"] == "1"
    assert one(scenario, "pcie-root-port")["bus"] == "far-bus"
    words = qemu.arguments(scenario, AROUND)
    assert sum(word.startswith("node,nodeid=") for word in words) == 2


def test_without_anything_far_away_there_is_one_node() -> None:
    assert "-numa" not in qemu.arguments(bare(Chance(1)), AROUND)


def test_one_with_virtual_functions_has_its_namespace_apart() -> None:
    scenario = Scenario("sriov", (Ssd("v", "SN", 64, virtual_functions=2),))
    assert one(scenario, "nvme,id=v")["sriov_max_vfs"] == "2"
    assert "drive" not in one(scenario, "nvme,id=v")
    assert one(scenario, "nvme-ns")["bus"] == "v"


def test_persistent_memory_has_room_for_its_label_and_is_counted() -> None:
    scenario = Scenario("pmem", nvdimms=(Nvdimm("d", 128, 1, (Namespace("n", 64),)),))
    words = qemu.arguments(scenario, AROUND)
    assert any("size=130M" in word for word in words)
    assert any("slots=1" in word for word in words)
    assert one(scenario, "nvdimm")["node"] == "1"


def test_a_region_that_qemu_would_refuse_is_refused_first() -> None:
    with pytest.raises(ValueError, match="not a multiple of 16"):
        Nvdimm("d", 100)


def test_too_many_devices_are_refused_with_a_sentence() -> None:
    many = Scenario("many", tuple(Ssd(f"s{number}", f"SN{number}", 64) for number in range(200)))
    with pytest.raises(ValueError, match="no slot left"):
        qemu.arguments(many, AROUND)


def test_a_machine_with_kvm_uses_it() -> None:
    words = qemu.arguments(bare(Chance(1)), dataclasses.replace(AROUND, kvm=True))
    assert (words[words.index("-accel") + 1], words[words.index("-cpu") + 1]) == ("kvm", "host")


def test_the_host_is_shared_read_only_and_nothing_else_is_open_but_the_logs() -> None:
    shares = [word for word in qemu.arguments(bare(Chance(1)), AROUND) if word.startswith("local,")]
    writable = [share for share in shares if "readonly=off" in share]
    assert len(writable) == 1
    assert "path=/r/share" in writable[0]
    assert all("127.0.0.1" in word for word in qemu.arguments(bare(Chance(1)), AROUND) if "hostfwd" in word)


def test_chance_repeats_itself_with_the_same_seed_only() -> None:
    assert record(Chance(7)) == record(Chance(7))
    assert record(Chance(7)) != record(Chance(8))
    serials = [ssd.serial for ssd in record(Chance(7)).ssds]
    assert len(set(serials)) == len(serials)
    assert all(len(serial) <= 20 and serial.isalnum() for serial in serials)
