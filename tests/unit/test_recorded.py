"""What the real tools and the real kernel showed on the emulated host, read by what reads it in nova-compute."""

import csv
from dataclasses import replace

import pytest

from nova_accel.discovery.look import look
from nova_accel.discovery.memory import Memory
from nova_accel.drivers import loading
from nova_accel.drivers.base import SeenFunction
from nova_accel.eligibility.verdict import Reason
from nova_accel.parsers import lspci, mountinfo, nvme, swaps
from tests.fakes.recorded import RECORDED, RecordedHost

INDEX = list(csv.DictReader((RECORDED / "index.tsv").read_text().splitlines(), delimiter="\t"))

PARSERS = {
    "lspci -Dnmm": lspci.parse,
    "lspci -Dnnmm": lspci.parse,
    "cat /proc/self/mountinfo": mountinfo.parse,
    "cat /proc/swaps": swaps.parse,
}


def recordings(*commands):
    return [row["file"] for row in INDEX if row["command"].startswith(commands) and row["exit status"] == "0"]


def text(name):
    return (RECORDED / name).read_text()


@pytest.mark.parametrize("row", [row for row in INDEX if row["command"] in PARSERS], ids=lambda row: row["file"])
def test_every_line_of_a_recording_is_understood(row):
    parsed = PARSERS[row["command"]](text(row["file"]))
    assert parsed.warnings == ()
    assert len(parsed.records) == sum(
        bool(line) and not line.startswith("Filename") for line in text(row["file"]).split("\n")
    )


def test_names_change_nothing_about_the_numbers():
    def numbers(name):
        return [(r.address, r.class_id, r.prog_if, r.vendor_id, r.product_id) for r in lspci.parse(text(name)).records]

    assert numbers("lspci-Dnnmm.txt") == numbers("lspci-Dnmm.txt")


def test_names_alone_are_refused_line_by_line():
    parsed = lspci.parse(text("lspci-Dmm.txt"))
    assert parsed.records == ()
    assert len(parsed.warnings) == len(text("lspci-Dmm.txt").splitlines())


@pytest.mark.parametrize("name", recordings("nvme id-ctrl"))
def test_every_recorded_controller_can_format_and_write_zeroes(name):
    found = nvme.parse_id_ctrl(text(name))
    assert (found.can_format, found.can_write_zeroes) == (True, True)


def test_the_recorded_controller_with_virtual_functions_says_that_it_may_not_be_alone():
    shared = {name for name in recordings("nvme id-ctrl") if nvme.parse_id_ctrl(text(name)).is_shared}
    assert shared == {"nvme-id-ctrl-sriov.json"}


@pytest.mark.parametrize("vendor_name", ["Inspur Electronic Information Industry Co., Ltd.", "IEIT SYSTEMS Co., Ltd"])
@pytest.mark.parametrize("domain", ["0000", "10000"])
def test_a_recorded_line_with_inspurs_numbers_is_an_inspur_ssd(vendor_name, domain, settings):
    line = next(line for line in text("lspci-Dnnmm.txt").splitlines() if "[0108]" in line)
    line = line.replace("0000:", f"{domain}:", 1).replace("Red Hat, Inc. [1b36]", f"{vendor_name} [1bd4]")
    (record,) = lspci.parse(line.replace("QEMU NVM Express Controller [0010]", "NVMe SSD [1003]")).records
    seen = SeenFunction(record, "boot:1", None, "SN1")
    driver = next(driver for driver in loading.load(settings) if driver.wants(seen))
    assert driver.name == "inspur_nvme_ssd_driver"
    assert {"CUSTOM_SSD_INSPUR", "CUSTOM_SSD_PRODUCT_ID_1003"} <= driver.device(seen).deployables[0].traits
    assert record.address.domain == int(domain, 16)


@pytest.fixture
def found(tmp_path, settings):
    host = RecordedHost(tmp_path)
    settings = replace(settings, enabled_drivers=("nvme_ssd_driver",))
    snapshot = look(host, loading.load(settings), Memory({}, {}))
    assert snapshot.warnings == ()
    return host, {one.address: one for one in snapshot.candidates}


EXPECTED = {
    "0000:01:00.0": (Reason.ELIGIBLE, "may be given"),
    "0000:02:00.0": (Reason.PARTITION_IN_USE, "mounted at /srv/own"),
    "0000:03:00.0": (Reason.SWAP, "as swap, /dev/nvme2n1p1"),
    "0000:04:00.0": (Reason.LVM, "part of dm-0 (lab-volume)"),
    "0000:05:00.0": (Reason.MD, "part of md127"),
    "0000:06:00.0": (Reason.ELIGIBLE, "may be given"),
    "0000:08:01.0": (Reason.SHARED_IOMMU_GROUP, "0000:08:02.0"),
    "0000:08:02.0": (Reason.SHARED_IOMMU_GROUP, "0000:08:01.0"),
    "0000:41:00.0": (Reason.ELIGIBLE, "may be given"),
}


def test_every_recorded_ssd_has_its_verdict(found):
    _, candidates = found
    verdicts = {address: one.verdict for address, one in candidates.items()}
    assert {address: verdict.reason for address, verdict in verdicts.items()} == {
        address: reason for address, (reason, _) in EXPECTED.items()
    }
    for address, (_, words) in EXPECTED.items():
        assert words in verdicts[address].sentence


def test_only_what_is_about_to_be_offered_is_opened(found):
    host, _ = found
    assert host.asked == [address for address, (reason, _) in EXPECTED.items() if reason is Reason.ELIGIBLE]


def test_the_one_on_the_second_node_says_so(found):
    _, candidates = found
    nodes = {address: one.evidence.pci.numa_node for address, one in candidates.items()}
    assert {address for address, node in nodes.items() if node == 1} == {"0000:41:00.0"}
    assert "CUSTOM_NUMA_NODE_1" in candidates["0000:41:00.0"].deployable.traits


def test_with_native_multipath_the_disk_is_the_head_that_the_paths_have_in_common(found):
    _, candidates = found
    assert candidates["0000:06:00.0"].evidence.namespaces == ("nvme5n1",)


def test_an_ssd_on_vfio_that_we_know_nothing_of_is_not_ours(tmp_path, settings):
    host = RecordedHost(tmp_path, "sysfs-pci-one-on-vfio.txt", "lspci-Dnmm-one-on-vfio.txt")
    candidates = look(host, loading.load(settings), Memory({}, {})).candidates
    assert "bound to vfio-pci" in next(
        one.verdict.sentence for one in candidates if one.verdict.reason is Reason.FOREIGN_DRIVER
    )


def test_virtual_functions_without_a_serial_are_not_offered(tmp_path, settings):
    host = RecordedHost(tmp_path, "sysfs-pci-with-vfs.txt", "lspci-Dnmm-with-vfs.txt")
    candidates = look(host, loading.load(settings), Memory({}, {})).candidates
    functions = {one.address: one.verdict for one in candidates}
    assert not functions["0000:06:00.1"].eligible
    assert not functions["0000:06:00.2"].eligible
