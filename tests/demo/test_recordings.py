"""Which recordings a host is made of, and what becomes of those of the older set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from demo import first_set
from demo.recorded_host import DemoHost
from demo.recordings import DATA, NoRecordings, Recordings, choose
from nova_accel.exception import PrivilegedCallError
from nova_accel.parsers import lspci, mountinfo, ndctl

FREE, SERIAL = "0000:01:00.0", "IHAM16PH5"


@pytest.fixture
def recordings() -> Recordings:
    """The project's own."""
    return choose(None)


@pytest.fixture
def host(recordings: Recordings, tmp_path: Path) -> DemoHost:
    """The host made of them."""
    (tmp_path / "recordings").mkdir()
    recordings.put_into(tmp_path / "recordings")
    return DemoHost(tmp_path / "host", tmp_path / "recordings")


def test_the_projects_own_host_is_of_one_boot(recordings: Recordings) -> None:
    assert (recordings.ssds / "boot-id.txt").read_text() == (recordings.pmem / "boot-id.txt").read_text()
    assert json.loads(recordings.files["root-side.json"])["namespace_users"]


@pytest.mark.parametrize("copied", ["", "recorded"])
def test_a_copy_of_several_sets_is_read_as_the_project_reads_its_own(
    recordings: Recordings, copied: str, tmp_path: Path
) -> None:
    shutil.copytree(DATA / copied, tmp_path / "copy")
    chosen = choose(tmp_path / "copy")
    assert chosen.files == recordings.files
    assert all(one.is_relative_to(tmp_path) for one in (chosen.ssds, chosen.pmem))


def test_a_folder_with_ssds_only_gets_its_persistent_memory_from_the_project(tmp_path: Path) -> None:
    for name in ("lspci-Dnmm.txt", "sysfs-pci.txt", "sysfs-nvme.txt", "root-side.json"):
        shutil.copy(DATA / "recorded/verdicts" / name, tmp_path)
    chosen = choose(tmp_path)
    assert chosen.ssds == tmp_path
    assert chosen.pmem == DATA / "recorded/pmem"
    assert json.loads(chosen.files["root-side.json"])["namespace_users"] == {}


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoRecordings, match=r"there are no recordings such as lspci-Dnmm.txt"):
        choose(tmp_path)


def test_the_older_set_is_read_as_it_is() -> None:
    chosen = choose(DATA / "captures")
    assert chosen.ssds == chosen.pmem == DATA / "captures"
    parsed = lspci.parse(chosen.files["lspci-Dnmm.txt"])
    assert not parsed.warnings
    shown = (DATA / "captures" / first_set.LSPCI).read_text()
    assert [str(one.address) for one in parsed.records] == [
        line[6:] for line in shown.splitlines() if line[:4] == "Slot"
    ]
    assert sum(one.is_nvme for one in parsed.records) == 5
    assert all(f"/serial NVME000{number}\n" in chosen.files["sysfs-nvme.txt"] for number in range(5))
    assert [one.mount_point for one in mountinfo.parse(chosen.files["proc-self-mountinfo.txt"]).records] == ["/"]
    assert len(ndctl.parse(chosen.files["ndctl-list-NRDvi.json"]).namespaces) == 9


def test_an_ssd_on_vfio_shows_nothing_and_comes_back_with_its_content(host: DemoHost) -> None:
    host.hand_over(FREE, SERIAL)
    host.at(FREE).write(0, b"written by a guest")
    with pytest.raises(PrivilegedCallError, match="none on the nvme driver"):
        host.erase(FREE, SERIAL, "format")
    host.bring_back(FREE)
    assert host.first_nonzero(FREE, SERIAL, "nvme0n1", 0, 1 << 30) == 0
    host.erase(FREE, SERIAL, "format")
    assert host.first_nonzero(FREE, SERIAL, "nvme0n1", 0, 1 << 30) == -1


def test_a_part_becomes_zero_and_the_rest_stays(host: DemoHost) -> None:
    behind = host.at(FREE)
    for offset_bytes in (0, 5 << 20, 9 << 20):
        behind.write(offset_bytes, b"x" * (3 << 20))
    host.zero(FREE, SERIAL, "nvme0n1", "write-zeroes", 4 << 20, 6 << 20)
    assert behind.first_data(4 << 20) == 10 << 20
    assert behind.read(0, 3 << 20) == b"x" * (3 << 20)
    assert behind.file.stat().st_size == behind.size_bytes


def test_a_namespace_is_zeroed_by_parts_too(host: DemoHost) -> None:
    one = next(
        one
        for one in ndctl.parse(host.ndctl()).namespaces
        if one.mode == "devdax" and one.chardev and one.label_uuid and not host.namespace_users([one.dev])
    )
    uuid = one.label_uuid or ""
    host.at(host.link_namespace(one.dev, uuid)).write(one.size_bytes - 3, b"end")
    host.zero_namespace(one.dev, uuid, 0, one.size_bytes - 1)
    assert host.namespace_first_nonzero(one.dev, uuid, 0, one.size_bytes) == one.size_bytes - 1
    host.zero_namespace(one.dev, uuid, one.size_bytes - 1, 1)
    assert host.namespace_first_nonzero(one.dev, uuid, 0, one.size_bytes) == -1


def test_none_of_the_recorded_ssds_sanitizes_itself(host: DemoHost) -> None:
    with pytest.raises(PrivilegedCallError, match="Invalid Command Opcode"):
        host.sanitize(FREE, SERIAL, "sanitize-block")
    with pytest.raises(PrivilegedCallError, match="Invalid Field in Command"):
        host.sanitize_log(FREE, SERIAL)


@pytest.mark.parametrize(
    ("address", "serial", "words"),
    [(FREE, "ANOTHER", f"is {SERIAL}, not ANOTHER"), ("0000:0a:00.0", "Q35R3WS8PDL2O1XMA3RT", "in use by this host")],
)
def test_roots_side_refuses_what_it_would_refuse(host: DemoHost, address: str, serial: str, words: str) -> None:
    with pytest.raises(PrivilegedCallError, match=words):
        host.hand_over(address, serial)


def test_a_namespace_that_was_open_when_it_was_recorded_is_refused(host: DemoHost) -> None:
    (open_one,) = (one for one in ndctl.parse(host.ndctl()).namespaces if one.name == "open")
    with pytest.raises(PrivilegedCallError, match=r"has /dev/dax0\.8 open"):
        host.check_namespace(open_one.dev, open_one.label_uuid or "")


def test_a_disk_with_signatures_holds_data(host: DemoHost) -> None:
    assert host.at(FREE).first_data() is None
    assert host.at("0000:05:00.0").first_data() == 0
