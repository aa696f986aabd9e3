"""What is said of the calls to root's side before they are killed, held against the machine on which they are made."""

import pickle
from pathlib import Path

import pytest

from tests.fakes.host import FakeSsd
from tests.fakes.pmem import FakeNamespace
from tests.faults import points
from tests.faults.machine import TrappedHost

AT, SERIAL, DEV, UUID = "0000:01:00.0", "SN01", "namespace0.0", "00000000-0000-4000-8000-000000000001"
PART = (0, 4 * 1024 * 1024)
SSD, NAMESPACE = (AT, SERIAL), (DEV, UUID)
ARGUMENTS = {
    "lspci": (),
    "who_uses": ([AT],),
    "signatures": ([AT],),
    "mounted_elsewhere": ([AT],),
    "smart_logs": ([AT],),
    "hand_over": SSD,
    "bring_back": (AT,),
    "settle": (AT,),
    "id_ctrl": SSD,
    "list_ns": (*SSD, False),
    "sizes": SSD,
    "erase": (*SSD, "format", 60.0),
    "zero": (*SSD, "nvme0n1", "write-zeroes", *PART),
    "sanitize": (*SSD, "sanitize-block"),
    "sanitize_log": SSD,
    "first_nonzero": (*SSD, "nvme0n1", *PART),
    "first_unlike": (*SSD, "nvme0n1", *PART),
    "ndctl": (),
    "namespace_users": ([DEV],),
    "check_namespace": NAMESPACE,
    "link_namespace": NAMESPACE,
    "namespace_size": NAMESPACE,
    "zero_namespace": (*NAMESPACE, *PART),
    "namespace_first_nonzero": (*NAMESPACE, *PART),
}


@pytest.fixture
def host(tmp_path: Path) -> TrappedHost:
    """A machine on which each call has something to do."""
    ssd = FakeSsd(AT, SERIAL, content={0: b"x"}, signatures=("ext4",), sanitizes=("sanitize-block",))
    return TrappedHost(tmp_path, [ssd], [FakeNamespace(DEV, "ns0", UUID, content={0: b"x"})])


def kept(host: TrappedHost) -> object:
    """All that outlives who uses it: what is remembered of the machine, and its tree of files."""
    calls, host.calls[:] = list(host.calls), []
    root = host.roots.sys.parent
    files = [(one, one.is_symlink() and one.readlink(), one.is_file() and one.read_bytes()) for one in root.rglob("*")]
    state = pickle.dumps(host), sorted(files, key=lambda one: one[0])
    host.calls[:] = calls
    return state


def test_each_call_is_tried_here() -> None:
    assert set(points.calls()) == ARGUMENTS.keys()


@pytest.mark.parametrize("call", sorted(points.ASKING))
def test_a_call_that_only_asks_changes_nothing(host: TrappedHost, call: str) -> None:
    before = kept(host)
    getattr(host, call)(*ARGUMENTS[call])
    assert kept(host) == before


@pytest.mark.parametrize("call", sorted(set(points.calls()) - points.ASKING))
def test_any_other_call_changes_something(host: TrappedHost, call: str) -> None:
    if call == "bring_back":
        host.hand_over(*SSD)
    if call == "settle":
        host.ssds[AT].override = "nvme"
    before = kept(host)
    getattr(host, call)(*ARGUMENTS[call])
    assert kept(host) != before


def test_each_call_that_changes_something_has_a_middle_or_a_reason_for_none() -> None:
    changing = set(points.calls()) - points.ASKING
    assert changing == points.WITH_A_MIDDLE | points.AT_ONCE.keys()
    assert not points.WITH_A_MIDDLE & points.AT_ONCE.keys()
