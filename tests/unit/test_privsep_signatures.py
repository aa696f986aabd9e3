"""What wipefs says lies on an SSD."""

import json
import subprocess
from pathlib import Path

import pytest

from nova_accel.privsep import controller, reading, signatures
from nova_accel.privsep.errors import Failed, Refused

SBIN = "/usr/sbin:/sbin"
RECORDED = Path(__file__).parents[1] / "data/recorded"


@pytest.mark.parametrize(
    ("ssd", "disk", "types"),
    [
        ("free", "nvme0n1", []),
        ("lvm", "nvme3n1", ["LVM2_member"]),
        ("md", "nvme4n1", ["linux_raid_member"]),
        ("swap", "nvme2n1", ["PMBR", "gpt"]),
    ],
)
def test_each_type_is_named_once(ssd, disk, types):
    assert signatures.parse((RECORDED / f"wipefs-{ssd}.json").read_text(), (disk,)) == types


def test_nothing_printed_is_no_signature():
    assert signatures.parse("\n", ("nvme0n1",)) == []


@pytest.mark.parametrize(
    "text",
    [
        "wipefs: odd",
        "[]",
        "{}",
        "[" * 100_000,
        '{"signatures": 5}',
        '{"signatures": [5]}',
        '{"signatures": [{}]}',
        '{"signatures": [{"device": "nvme0n1", "type": null}]}',
        '{"signatures": [{"device": "nvme0n1", "type": ""}]}',
        '{"signatures": [{"device": "nvme9n1", "type": "ext4"}]}',
        '{"signatures": [{"device": {}, "type": "ext4"}]}',
    ],
)
def test_anything_else_is_an_error(text):
    with pytest.raises(Failed, match="wipefs printed something else than signatures"):
        signatures.parse(text, ("nvme0n1",))


def test_the_installed_wipefs_prints_all_devices_in_one_answer(tmp_path):
    disks = [tmp_path / name for name in ("empty", "swap1", "swap2")]
    for disk in disks:
        disk.write_bytes(bytes(1024 * 1024))
    for disk in disks[1:]:
        subprocess.run(["mkswap", disk], capture_output=True, check=True, env={"PATH": SBIN})
    command = ["wipefs", "--no-act", "--json", *disks]
    text = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": SBIN}).stdout
    assert [one["device"] for one in json.loads(text)["signatures"]] == ["swap1", "swap2"]
    assert signatures.parse(text, ("empty", "swap1", "swap2")) == ["swap"]


class Bench:
    """SSDs with their disks, and what wipefs does when it is asked about one of them."""

    def __init__(self, monkeypatch):
        self.disks = {}
        self.answers = {}
        monkeypatch.setattr(controller, "device", lambda address: address)
        monkeypatch.setattr(controller, "namespaces", self._namespaces)
        monkeypatch.setattr(reading.tool, "run", self._run)

    def _namespaces(self, address):
        if address not in self.disks:
            raise Refused(f"{address} is not run by the kernel's nvme driver")
        return self.disks[address]

    def _run(self, argv, timeout_s):
        assert argv[:3] == ["wipefs", "--no-act", "--json"]
        answer = self.answers[argv[3]]
        return answer() if callable(answer) else answer


def printed(disk, *types):
    return json.dumps({"signatures": [{"device": disk, "type": kind} for kind in types]})


def fail():
    raise Failed("wipefs ended with status 1: Input/output error")


@pytest.fixture
def bench(monkeypatch):
    one = Bench(monkeypatch)
    one.disks = {"0000:01:00.0": ("nvme90n1",), "0000:02:00.0": ("nvme91n1",)}
    one.answers = {"/dev/nvme90n1": printed("nvme90n1", "ext4"), "/dev/nvme91n1": printed("nvme91n1")}
    return one


def ask(*addresses):
    # The call itself, which in nova-compute goes over to the daemon.
    return reading.signatures.__wrapped__(list(addresses))


def test_an_ssd_without_signatures_or_without_the_nvme_driver_is_left_out(bench):
    assert ask("0000:01:00.0", "0000:02:00.0", "0000:03:00.0") == {"0000:01:00.0": ["ext4"]}


def test_one_that_cannot_be_read_does_not_spoil_the_others(bench):
    bench.answers["/dev/nvme91n1"] = fail
    assert ask("0000:01:00.0", "0000:02:00.0") == {"0000:01:00.0": ["ext4"], "0000:02:00.0": [reading.UNREADABLE]}


def test_one_that_goes_away_while_it_is_read_is_left_out(bench):
    def go():
        del bench.disks["0000:02:00.0"]
        fail()

    bench.answers["/dev/nvme91n1"] = go
    assert ask("0000:01:00.0", "0000:02:00.0") == {"0000:01:00.0": ["ext4"]}


def test_where_none_can_be_read_the_reason_is_told(bench):
    bench.answers = dict.fromkeys(bench.answers, fail)
    with pytest.raises(Failed, match="Input/output error"):
        ask("0000:01:00.0", "0000:02:00.0")
