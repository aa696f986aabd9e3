"""How an SSD is erased by each method, and what is not taken for erased."""

import pytest

from nova_accel.cleaning.choice import Method
from nova_accel.cleaning.eraser import Proof
from nova_accel.exception import CleaningFailed, ConfigurationError, DeviceLost, PrivilegedCallError
from tests.unit.erasing import ALL, AT, GIB, MIB, SANITIZES, SECRETS, SSD, WHOLE, Heard, UsedSsd, did


@pytest.fixture
def erase(tmp_path):
    return UsedSsd(tmp_path)


@pytest.mark.parametrize(
    ("method", "done", "record"),
    [
        ("sanitize-block", [("sanitize", "sanitize-block")], "sanitize-block"),
        (
            "sanitize-crypto",
            [("sanitize", "sanitize-crypto"), ("zero", "write-zeroes")],
            "sanitize-crypto, then write-zeroes",
        ),
        ("sanitize-overwrite", [("sanitize", "sanitize-overwrite")], "sanitize-overwrite"),
        ("format", [("erase", "format")], "format"),
        ("format-crypto", [("erase", "format-crypto"), ("zero", "write-zeroes")], "format-crypto, then write-zeroes"),
        ("write-zeroes", [("zero", "write-zeroes")], "write-zeroes"),
        ("overwrite", [("zero", "overwrite")], "overwrite"),
    ],
)
def test_each_method_leaves_zeros_and_a_free_unmarked_ssd_on_nvme(erase, method, done, record):
    host, eraser, heard = erase(method, can_format_crypto=True, sanitizes=SANITIZES)
    assert eraser.erase_and_verify(SSD, heard) == Proof(record, WHOLE)
    ssd = host.ssds[AT]
    assert (ssd.content, ssd.bound_to, ssd.override) == ({}, "nvme", "")
    assert did(host) == done
    assert heard.words()[0] == f"erasing ({method})"
    assert heard.all[-1] == ("reading", 64 * MIB, 64 * MIB)
    assert eraser.size_bytes(SSD) == 64 * MIB


def test_every_method_that_erases_is_tried_here():
    assert set(ALL) == {method.value for method in Method} - {"none"}


def test_the_operator_s_order_decides_among_what_the_ssd_offers(erase):
    _host, eraser, heard = erase("sanitize-crypto", "overwrite", "format")
    assert eraser.erase_and_verify(SSD, heard).method == "overwrite"


def test_where_nothing_fits_nothing_is_touched(erase):
    host, eraser, heard = erase("sanitize-crypto", "format", can_format=False)
    with pytest.raises(CleaningFailed, match="it offers write-zeroes, overwrite"):
        eraser.erase_and_verify(SSD, heard)
    assert (did(host), host.ssds[AT].content) == ([], SECRETS)


def test_wrong_methods_are_refused_before_anything_happens(erase):
    with pytest.raises(ConfigurationError, match="clean_methods"):
        erase("dd")


@pytest.mark.parametrize("pattern", [b"\xff", b"erased  " * 64], ids=["all ones", "a block over and over"])
@pytest.mark.parametrize(("method", "how"), [("format", "erase"), ("sanitize-block", "sanitize")])
def test_what_reads_as_a_pattern_afterwards_as_the_standard_allows_gets_zeros(erase, method, how, pattern):
    left = {"reads_after_erase": pattern, "size_bytes": 6 * MIB, "content": {0: b"boot"}}
    host, eraser, heard = erase(method, sanitizes=SANITIZES, **left)
    assert eraser.erase_and_verify(SSD, heard) == Proof(f"{method}, then write-zeroes", WHOLE)
    assert did(host) == [(how, method), ("zero", "write-zeroes")]
    assert host.ssds[AT].content == {}


@pytest.mark.parametrize("method", ["format", "sanitize-block"])
@pytest.mark.parametrize("data", [{0: b"boot"}, {0: b"\xff" * 6 * MIB, 5 * MIB: b"secret"}, {6 * MIB - 1: b"x"}])
def test_what_is_no_pattern_was_not_erased_and_is_not_written_over(erase, method, data):
    host, eraser, heard = erase(method, sanitizes=SANITIZES, content=dict(data), size_bytes=6 * MIB)
    host._wipe = lambda ssd, method: None
    with pytest.raises(CleaningFailed, match=rf"{method} reported success, but nvme0n1 at byte \d+ still holds data"):
        eraser.erase_and_verify(SSD, heard)
    assert host.ssds[AT].content == data


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("verify", ["whole", "sample"])
def test_success_that_erased_nothing_is_found_out(erase, method, verify):
    host, eraser, heard = erase(method, verify=verify, erases=False, can_format_crypto=True, sanitizes=SANITIZES)
    with pytest.raises(CleaningFailed, match=rf"{method} reported success, but nvme0n1 at byte 0 still holds data"):
        eraser.erase_and_verify(SSD, heard)
    assert host.ssds[AT].override == "nvme", "it stays marked"


def test_zeros_are_written_and_read_a_gib_at_a_time_over_all_namespaces_with_progress(erase):
    size_bytes = 2 * GIB + 3 * MIB
    host, eraser, heard = erase("write-zeroes", size_bytes=size_bytes, namespaces=2, content={size_bytes - 1: b"x"})
    eraser.erase_and_verify(SSD, heard)
    assert len([call for call in host.calls if call[0] == "zero"]) == 6
    steps = [0, GIB, 2 * GIB, size_bytes, size_bytes + GIB, size_bytes + 2 * GIB, 2 * size_bytes]
    for words in ("erasing (write-zeroes)", "reading"):
        assert [done for said, done, total in heard.all if said == words and total == 2 * size_bytes] == steps


def test_a_cleaning_without_time_left_ends_where_it_is(erase):
    host, eraser, heard = erase("write-zeroes", size_bytes=8 * GIB, heard=Heard(enough=3))
    with pytest.raises(CleaningFailed, match="no time left"):
        eraser.erase_and_verify(SSD, heard)
    assert len([call for call in host.calls if call[0] == "zero"]) == 3


def test_a_controller_that_does_not_come_back_is_lost(erase):
    host, eraser, heard = erase(comes_back=False)
    for step in (eraser.erase_and_verify, eraser.verify):
        with pytest.raises(DeviceLost, match="did not come up on nvme"):
            step(SSD, heard)
    assert did(host) == []


@pytest.mark.parametrize("field", [{"vfio_user": True}, {"bound_to": "nvme", "mounted_at": "/mnt"}, {"namespaces": 0}])
def test_what_is_in_use_or_has_nothing_is_not_erased(erase, field):
    host, eraser, heard = erase("overwrite", **field)
    with pytest.raises(PrivilegedCallError):
        eraser.erase_and_verify(SSD, heard)
    assert host.ssds[AT].content == SECRETS


def test_an_ssd_of_no_size_proves_nothing(erase):
    _host, eraser, heard = erase(size_bytes=0, content={})
    for step in (eraser.erase_and_verify, eraser.verify, eraser.find_nonzero):
        with pytest.raises(CleaningFailed, match="nothing can be read back"):
            step(SSD, heard)


def test_another_ssd_in_the_slot_is_not_erased(erase):
    host, eraser, heard = erase()
    host.ssds[AT].serial = "OTHER"
    with pytest.raises(PrivilegedCallError, match="holds the SSD with serial OTHER, not SN1"):
        eraser.erase_and_verify(SSD, heard)
    assert host.ssds[AT].content == SECRETS
