"""What a guest may have put where the host cannot read: in namespaces that it does not see or that have no size, or in none of them."""

import re

import pytest

from nova_accel.cleaning.eraser import Proof
from nova_accel.exception import CleaningFailed
from tests.unit.erasing import AT, MIB, SANITIZES, SSD, WHOLE, UsedSsd, did

UNSEEN = r"namespaces? .*, which this host does not see"
UNALLOCATED = r"\d+ bytes of it that are in none of its namespaces"
HIDING = [
    ({"unallocated_bytes": 1}, UNALLOCATED),
    ({"hidden": (3,)}, UNSEEN),
    ({"hidden": (2, 7), "namespaces": 2}, UNSEEN),
    ({"hidden": (3,), "shared": True}, UNSEEN),
    ({"hidden": (3,), "manages_namespaces": False}, UNSEEN),
    ({"hidden": (3,), "unallocated_bytes": MIB}, f"{UNSEEN}, and in {UNALLOCATED}"),
]


@pytest.fixture
def erase(tmp_path):
    return UsedSsd(tmp_path)


@pytest.mark.parametrize(("hiding", "where"), HIDING)
@pytest.mark.parametrize("methods", [(), ("format", "write-zeroes")])
def test_what_a_guest_has_put_where_the_host_cannot_read_is_not_taken_for_clean(erase, hiding, where, methods):
    host, eraser, heard = erase(*methods, **({"manages_namespaces": True} | hiding))
    with pytest.raises(
        CleaningFailed,
        match=f"a guest may have left something in {where}, which only.*then: nova-accel device clean SN1",
    ):
        eraser.erase_and_verify(SSD, heard)
    assert did(host) == []
    assert host.ssds[AT].override == "nvme", "it stays marked"


def test_a_namespace_that_the_kernel_shows_a_little_later_is_waited_for(erase):
    host, eraser, heard = erase("format", manages_namespaces=True, hidden=(11,))

    def nap(seconds):
        erase.naps.append(seconds)
        host._unbind(host.ssds[AT])
        host.ssds[AT].hidden, host.ssds[AT].namespaces = (), 2
        host._bind(host.ssds[AT], "nvme")

    eraser._sleep = nap
    assert eraser.erase_and_verify(SSD, heard) == Proof("format", WHOLE)
    assert erase.naps == [1.0]
    assert heard.all[-1] == ("reading", 128 * MIB, 128 * MIB)


@pytest.mark.parametrize("method", ["format", "sanitize-block"])
def test_a_namespace_that_came_while_it_was_erased_is_read_as_well(erase, method):
    _host, eraser, heard = erase(method, sanitizes=SANITIZES, manages_namespaces=True, after_erase={"namespaces": 2})
    assert eraser.erase_and_verify(SSD, heard) == Proof(method, WHOLE)
    assert heard.all[-1] == ("reading", 128 * MIB, 128 * MIB)


def test_one_that_came_while_it_was_erased_and_cannot_be_read_is_not_clean(erase):
    _host, eraser, heard = erase("format", manages_namespaces=True, after_erase={"hidden": (5,)})
    with pytest.raises(
        CleaningFailed, match="namespace 5, which this host does not see, came to it while it was erased"
    ):
        eraser.erase_and_verify(SSD, heard)


@pytest.mark.parametrize("step", ["erase_and_verify", "verify", "find_nonzero"])
def test_a_namespace_that_linux_makes_no_use_of_proves_nothing(erase, step):
    host, eraser, heard = erase(
        "format", namespaces=2, without_size=("nvme0n2",), manages_namespaces=True, content={}, bound_to="nvme"
    )
    with pytest.raises(CleaningFailed, match=r"namespace 11 has no size for Linux.*nvme format /dev/nvme0n2 --lbaf=0"):
        getattr(eraser, step)(SSD, heard)
    assert did(host) == []


def test_a_namespace_that_lost_its_size_while_it_was_erased_proves_nothing(erase):
    _host, eraser, heard = erase("format", namespaces=2, after_erase={"without_size": ("nvme0n2",)})
    with pytest.raises(CleaningFailed, match="nothing can be read back of it"):
        eraser.erase_and_verify(SSD, heard)


@pytest.mark.parametrize(
    ("nsid", "sentence"),
    [
        ("", "the kernel does not say which of its namespaces nvme0n1 is"),
        ("7", "the kernel shows namespace 7, which the SSD does not have any more"),
    ],
)
def test_what_the_kernel_shows_has_to_be_what_the_ssd_has(erase, nsid, sentence):
    host, eraser, heard = erase("sanitize-block", sanitizes=SANITIZES, bound_to="nvme")
    (host.roots.sys / f"bus/pci/devices/{AT}/nvme/nvme0/nvme0n1/nsid").write_text(nsid)
    with pytest.raises(CleaningFailed, match=sentence):
        eraser.erase_and_verify(SSD, heard)
    assert did(host) == []


@pytest.mark.parametrize(
    ("hiding", "unread"),
    [
        ({"unallocated_bytes": 1}, "1 bytes of it that are in none of its namespaces"),
        ({"hidden": (2, 3)}, "namespaces 2, 3, which this host does not see"),
    ],
)
def test_a_sanitize_reaches_it_even_where_the_operator_likes_something_else_better(erase, hiding, unread):
    _host, eraser, heard = erase(
        "format", "sanitize-crypto", "sanitize-block", manages_namespaces=True, sanitizes=SANITIZES, **hiding
    )
    proof = eraser.erase_and_verify(SSD, heard)
    assert proof.method == "sanitize-crypto, then write-zeroes"
    assert proof.verified == f"{WHOLE}; not read, but sanitized: {unread}"


def test_an_ssd_whose_namespace_is_made_again_of_all_of_it_is_cleaned_as_before(erase):
    host, eraser, heard = erase("format", manages_namespaces=True, unallocated_bytes=64 * MIB)
    with pytest.raises(CleaningFailed, match=UNALLOCATED):
        eraser.erase_and_verify(SSD, heard)
    host.ssds[AT].unallocated_bytes, host.ssds[AT].size_bytes = 0, 128 * MIB
    assert eraser.erase_and_verify(SSD, heard) == Proof("format", WHOLE)


ROOM = {"content": {}, "manages_namespaces": True, "unallocated_bytes": MIB}


def test_room_in_no_namespace_counts_as_clean_where_the_ssd_itself_says_that_it_was_sanitized(erase, caplog):
    _host, eraser, heard = erase(sanitizes=SANITIZES, sanitize_status=1, sanitized_to={}, **ROOM)
    room = f"{MIB} bytes of it that are in none of its namespaces"
    assert eraser.verify(SSD, heard) == f"{WHOLE}; not read, but sanitized: {room}"
    assert f"A server that gets SN1 gets {64 * MIB} bytes: {MIB} bytes of it are in none" in caplog.text


@pytest.mark.parametrize(
    "says",
    [
        {},
        {"sanitizes": SANITIZES},
        {"sanitizes": SANITIZES, "sanitized_to": {}},
        {"sanitizes": SANITIZES, "sanitized_to": {}, "sanitize_status": 3},
        {"sanitizes": SANITIZES, "sanitized_to": {0: b"written since"}, "sanitize_status": 1},
    ],
    ids=["no sanitize", "never", "never written", "failed", "written since"],
)
def test_whoever_says_to_have_cleaned_it_has_not_answered_for_room_in_no_namespace(erase, says):
    _host, eraser, heard = erase(**ROOM, **says)
    with pytest.raises(
        CleaningFailed, match=f"said to be clean, but {UNALLOCATED} cannot be read back.*device clean SN1"
    ):
        eraser.verify(SSD, heard)
    assert heard.all == []


@pytest.mark.parametrize("shared", [False, True])
def test_whoever_says_to_have_cleaned_it_has_not_answered_for_a_namespace_that_is_not_to_be_seen(erase, shared):
    _host, eraser, heard = erase(content={}, manages_namespaces=True, hidden=(3,), shared=shared)
    with pytest.raises(
        CleaningFailed, match="said to be clean, but namespace 3, which this host does not see, cannot be read back"
    ):
        eraser.verify(SSD, heard)


@pytest.mark.parametrize(("hiding", "where"), HIDING)
def test_what_nobody_released_and_cannot_be_read_as_a_whole_is_not_taken_for_empty(erase, hiding, where):
    _host, eraser, heard = erase(content={}, bound_to="nvme", **({"manages_namespaces": True} | hiding))
    assert re.fullmatch(f"perhaps what is in {where},", eraser.find_nonzero(SSD, heard))
    assert heard.all == []


def test_what_is_sanitized_and_was_not_written_to_since_is_empty_also_in_no_namespace(erase):
    _host, eraser, heard = erase(bound_to="nvme", sanitizes=SANITIZES, sanitize_status=1, sanitized_to={}, **ROOM)
    assert eraser.find_nonzero(SSD, heard) is None


@pytest.mark.parametrize("fields", [{}, {"manages_namespaces": True}, {"manages_namespaces": True, "namespaces": 3}])
@pytest.mark.parametrize("shared", [False, True])
def test_an_ssd_of_which_all_is_to_be_seen_is_erased_and_read_as_ever(erase, fields, shared):
    _host, eraser, heard = erase("format", shared=shared, **fields)
    assert eraser.erase_and_verify(SSD, heard) == Proof("format", WHOLE)
    assert eraser.find_nonzero(SSD, heard) is None
    assert eraser.verify(SSD, heard) == WHOLE
    assert erase.naps == []
