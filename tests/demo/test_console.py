"""What a real guest's console and a host's ledger become in the story."""

from __future__ import annotations

from demo import console
from lab.ledger import Handle, Sighting

NONCE = "0123456789abcdef"
FIRST_START = """\
[    2.1] some words of the kernel
guest: booted
guest: nvme nvme0 serial=SN0001 bytes=67108864 first=00000000000000000000000000000000 first_mib=zero
guest: wrote 0123456789abcdef at 0 of /dev/nvme0n1 status=0
guest: pmem 0 block=pmem0 bytes=50331648 region_bytes=50331648 node=0 content=zero found= wrote=0
guest: pmem 1 block=pmem1 bytes=67108864 region_bytes=67108864 node=0 content=zero found= wrote=0
guest: ready
guest: alive 1
"""
SECOND_START = (
    FIRST_START.replace("first=" + "0" * 32, f"first={NONCE.encode().hex()}")
    .replace("first_mib=zero", "first_mib=data")
    .replace("content=zero", "content=data")
    .replace("found= ", f"found={NONCE}-0 ", 1)
    .replace("found= ", f"found={NONCE}-1 ", 1)
)


def test_a_first_start_finds_nothing_and_writes() -> None:
    view = console.view(FIRST_START, NONCE)
    assert [(one.kind, one.identity, one.size_bytes) for one in view.seen] == [
        ("SSD", "SN0001", 67108864),
        ("PMEM", "0", 50331648),
        ("PMEM", "1", 67108864),
    ]
    assert all(one.zero and one.wrote and one.found == "" for one in view.seen)
    assert view.raw.splitlines()[0] == "guest: booted"
    assert view.raw.splitlines()[-1] == "guest: ready"


def test_a_second_start_finds_what_the_first_one_wrote() -> None:
    view = console.view(SECOND_START, NONCE)
    assert [one.found for one in view.seen] == [NONCE, f"{NONCE}-0", f"{NONCE}-1"]
    assert not any(one.zero for one in view.seen)


def test_another_nonce_was_not_written() -> None:
    assert not console.view(FIRST_START, "fedcba9876543210").of("SSD")[0].wrote


def test_a_device_is_offered_when_it_is_eligible_and_available() -> None:
    seen = Sighting("0000:01:00.0", "SN0001", "eligible", "it may be given to a guest")
    assert console.device(seen, Handle("SN0001", "available", None, "")).offered
    dirty = console.device(seen, Handle("SN0001", "dirty", None, "nvme0n1 at byte 0 holds data"))
    assert not dirty.offered
    assert dirty.is_read
    assert dirty.why_not == "dirty: nvme0n1 at byte 0 holds data"
    assert not console.device(seen, Handle("SN0001", "dirty", None, "")).is_read


def test_a_device_that_is_not_eligible_says_why_whatever_its_entry() -> None:
    seen = Sighting("0000:01:00.0", "SN0001", "mounted", "the host has it mounted at /srv")
    device = console.device(seen, None)
    assert (device.offered, device.is_read, device.why_not) == (False, True, "the host has it mounted at /srv")


def test_a_server_has_a_device_only_while_it_is_assigned() -> None:
    seen = Sighting("namespace0.0", "a-uuid", "eligible", "it may be given to a guest")
    assert console.device(seen, Handle("a-uuid", "assigned", "a-server", "")).server == "a-server"
    assert console.device(seen, Handle("a-uuid", "dirty", "a-server", "")).server is None
