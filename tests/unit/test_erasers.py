"""Erasing and reading back, against a host made of files."""

import random
import re

import pytest

from nova_accel.cleaning.choice import Method
from nova_accel.cleaning.eraser import SLICE_BYTES, Proof
from nova_accel.cleaning.pmem import NamespaceEraser
from nova_accel.cleaning.ssd import SsdEraser
from nova_accel.exception import CleaningFailed, ConfigurationError, DeviceLost, PrivilegedCallError
from nova_accel.model import AttachHandle, HandleId, HandleKind
from tests.fakes.host import FakeHost, FakeSsd
from tests.fakes.pmem import FakeNamespace

AT = "0000:01:00.0"
SERIAL = "SN1"
MIB = 1024**2
GIB = 1024**3
ALL = (
    "sanitize-block",
    "sanitize-crypto",
    "sanitize-overwrite",
    "format",
    "format-crypto",
    "write-zeroes",
    "overwrite",
)
SANITIZES = ALL[:3]
SECRETS = {0: b"boot", 5 * MIB: b"secret", 64 * MIB - 3: b"end"}
SSD = AttachHandle(HandleId("CUSTOM_SSD", SERIAL), HandleKind.PCI, AT, "1")
WHOLE = "read as a whole, all zero"


class Heard:
    """Listens to the progress; gives up when it has heard enough."""

    def __init__(self, enough=10**9):
        self.all = []
        self.enough = enough

    def __call__(self, words, done_bytes, total_bytes):
        assert 0 <= done_bytes <= total_bytes
        self.all.append((words, done_bytes, total_bytes))
        if len(self.all) > self.enough:
            raise CleaningFailed(SERIAL, "there is no time left")
        return 1800.0

    def words(self):
        return list(dict.fromkeys(words for words, _, _ in self.all))


@pytest.fixture
def naps():
    return []


@pytest.fixture
def erase(tmp_path, naps):
    """Make a host with one SSD that a guest had, and clean it."""

    def begin(*methods, verify="whole", heard=None, **of_ssd):
        fields = {"content": dict(SECRETS), "bound_to": "vfio-pci", "override": "vfio-pci"} | of_ssd
        host = FakeHost(tmp_path / "host", [FakeSsd(AT, SERIAL, **fields)])
        return host, eraser(host, *methods, verify=verify), heard or Heard()

    def eraser(host, *methods, verify="whole"):
        return SsdEraser(host, methods or ALL, verify, naps.append, random.Random(1))

    begin.eraser = eraser
    return begin


def did(host):
    """What was done to the SSD, a call that repeats itself once."""
    names = [(call[0], *call[3:]) for call in host.calls if call[0] in ("erase", "zero", "sanitize")]
    return list(dict.fromkeys(names))


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


@pytest.mark.parametrize("at", [0, 15 * MIB, 64 * GIB - 4 * MIB, 64 * GIB - 1])
def test_a_sample_finds_what_lies_at_the_ends(erase, at):
    _host, eraser, heard = erase("format", verify="sample", erases=False, size_bytes=64 * GIB, content={at: b"x"})
    with pytest.raises(CleaningFailed, match="still holds data"):
        eraser.erase_and_verify(SSD, heard)


def test_a_sample_reads_little_and_the_record_says_so(erase):
    _host, eraser, heard = erase("format", verify="sample", size_bytes=64 * GIB)
    proof = eraser.erase_and_verify(SSD, heard)
    assert "64 places by chance read" in proof.verified
    assert heard.all[-1][2] <= 70 * 4 * MIB


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


def test_a_sanitize_is_begun_once_and_waited_for_with_its_own_progress(erase, naps):
    host, eraser, heard = erase("sanitize-block", sanitizes=SANITIZES, sanitize_polls=4)
    eraser.erase_and_verify(SSD, heard)
    assert len([call for call in host.calls if call[0] == "sanitize"]) == 1
    assert naps == [1.0] * 4
    done = [done_bytes for words, done_bytes, _ in heard.all if words == "erasing (sanitize-block)"]
    assert done == sorted(done)
    assert done[-1] > 40 * MIB


def test_a_sanitize_without_time_left_goes_on_in_the_ssd_and_is_followed_next_time(erase):
    host, eraser, _ = erase("sanitize-overwrite", sanitizes=SANITIZES, sanitize_polls=100)
    with pytest.raises(CleaningFailed, match="no time left"):
        eraser.erase_and_verify(SSD, Heard(enough=5))
    again = erase.eraser(host, "sanitize-overwrite")
    assert again.erase_and_verify(SSD, Heard()).method == "sanitize-overwrite"
    assert len([call for call in host.calls if call[0] == "sanitize"]) == 1


def test_another_sanitize_that_a_guest_began_is_waited_for_and_then_ours_is_done(erase):
    under_way = {"sanitize_status": 2, "sanitize_method": "sanitize-crypto", "sanitize_left": 3}
    _host, eraser, heard = erase("sanitize-block", sanitizes=SANITIZES, **under_way)
    assert eraser.erase_and_verify(SSD, heard) == Proof("sanitize-block", WHOLE)
    assert heard.words()[:2] == ["erasing (sanitize-crypto)", "erasing (sanitize-block)"]


def test_an_ssd_whose_last_sanitize_failed_is_sanitized_again(erase):
    _host, eraser, heard = erase("sanitize-block", sanitizes=SANITIZES, sanitize_status=3)
    assert eraser.erase_and_verify(SSD, heard) == Proof("sanitize-block", WHOLE)


def test_a_sanitize_that_fails_is_a_failure_whatever_reads_as_zero(erase):
    _host, eraser, heard = erase("sanitize-block", sanitizes=SANITIZES, sanitize_fails=True, content={})
    with pytest.raises(CleaningFailed, match="sanitize-block failed, says the SSD's sanitize log"):
        eraser.erase_and_verify(SSD, heard)


def test_a_sanitize_that_never_began_is_a_failure(erase):
    host, eraser, heard = erase("sanitize-block", sanitizes=SANITIZES)
    host.sanitize = lambda address, serial, method: None
    with pytest.raises(CleaningFailed, match="sanitize-block never began"):
        eraser.erase_and_verify(SSD, heard)


EARLIER = {"sanitize_status": 1, "sanitize_method": "sanitize-block", "sanitized_to": {}}


@pytest.mark.parametrize("method", ["sanitize-block", "sanitize-crypto"])
@pytest.mark.parametrize("tells_writes", [True, False])
def test_the_end_of_an_earlier_sanitize_is_not_taken_for_that_of_ours(erase, method, tells_writes):
    earlier = EARLIER if tells_writes else EARLIER | {"sanitized_to": None}
    host, eraser, heard = erase(method, sanitizes=SANITIZES, **earlier)
    host.sanitize = lambda address, serial, method: None
    with pytest.raises(CleaningFailed, match=f"{method} never began, says the SSD's sanitize log"):
        eraser.erase_and_verify(SSD, heard)
    assert host.ssds[AT].content == SECRETS


def test_another_one_that_a_guest_ended_with_nothing_written_since_is_not_ours_either(erase):
    host, eraser, heard = erase("sanitize-crypto", sanitizes=SANITIZES, content={}, **EARLIER)
    host.sanitize = lambda address, serial, method: None
    with pytest.raises(CleaningFailed, match="sanitize-crypto never began"):
        eraser.erase_and_verify(SSD, heard)


@pytest.mark.parametrize("method", ["sanitize-block", "sanitize-crypto"])
def test_a_sanitize_that_is_done_at_once_is_known_by_that_nothing_was_written_since(erase, method):
    host, eraser, heard = erase(method, sanitizes=SANITIZES, sanitize_polls=0, **EARLIER)
    for _ in range(2):
        host.ssds[AT].content = dict(SECRETS)
        assert eraser.erase_and_verify(SSD, heard).method.startswith(method)


def test_a_sanitize_that_is_seen_under_way_needs_no_such_word(erase):
    _host, eraser, heard = erase("sanitize-block", sanitizes=SANITIZES, tells_writes=False, **EARLIER)
    assert eraser.erase_and_verify(SSD, heard).method == "sanitize-block"


def test_an_ssd_that_may_share_its_subsystem_is_formatted_instead(erase):
    _host, eraser, heard = erase(sanitizes=SANITIZES, shared=True)
    assert eraser.erase_and_verify(SSD, heard).method == "format"


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


def test_a_namespace_that_the_kernel_shows_a_little_later_is_waited_for(erase, naps):
    host, eraser, heard = erase("format", manages_namespaces=True, hidden=(11,))

    def nap(seconds):
        naps.append(seconds)
        host._unbind(host.ssds[AT])
        host.ssds[AT].hidden, host.ssds[AT].namespaces = (), 2
        host._bind(host.ssds[AT], "nvme")

    eraser._sleep = nap
    assert eraser.erase_and_verify(SSD, heard) == Proof("format", WHOLE)
    assert naps == [1.0]
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
    ("hiding", "unseen"), [({"unallocated_bytes": 1}, ""), ({"hidden": (2, 3)}, "namespaces 2, 3")]
)
def test_a_sanitize_reaches_it_even_where_the_operator_likes_something_else_better(erase, hiding, unseen):
    _host, eraser, heard = erase(
        "format", "sanitize-crypto", "sanitize-block", manages_namespaces=True, sanitizes=SANITIZES, **hiding
    )
    proof = eraser.erase_and_verify(SSD, heard)
    assert proof.method == "sanitize-crypto, then write-zeroes"
    not_read = f"; not read, but sanitized: {unseen}, which this host does not see"
    assert proof.verified == WHOLE + (not_read if unseen else "")


def test_an_ssd_whose_namespace_is_made_again_of_all_of_it_is_cleaned_as_before(erase):
    host, eraser, heard = erase("format", manages_namespaces=True, unallocated_bytes=64 * MIB)
    with pytest.raises(CleaningFailed, match=UNALLOCATED):
        eraser.erase_and_verify(SSD, heard)
    host.ssds[AT].unallocated_bytes, host.ssds[AT].size_bytes = 0, 128 * MIB
    assert eraser.erase_and_verify(SSD, heard) == Proof("format", WHOLE)


def test_whoever_says_to_have_cleaned_it_answers_for_what_cannot_be_read(erase):
    _host, eraser, heard = erase(content={}, manages_namespaces=True, unallocated_bytes=MIB)
    assert eraser.verify(SSD, heard) == WHOLE


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


@pytest.mark.parametrize("fields", [{}, {"manages_namespaces": True}, {"manages_namespaces": True, "namespaces": 3}])
@pytest.mark.parametrize("shared", [False, True])
def test_an_ssd_of_which_all_is_to_be_seen_is_erased_and_read_as_ever(erase, fields, shared, naps):
    _host, eraser, heard = erase("format", shared=shared, **fields)
    assert eraser.erase_and_verify(SSD, heard) == Proof("format", WHOLE)
    assert eraser.find_nonzero(SSD, heard) is None
    assert eraser.verify(SSD, heard) == WHOLE
    assert naps == []


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


def test_what_somebody_else_has_erased_is_read_and_free_afterwards(erase):
    host, eraser, heard = erase(content={})
    assert eraser.verify(SSD, heard) == WHOLE
    assert (did(host), host.ssds[AT].bound_to, host.ssds[AT].override) == ([], "nvme", "")


def test_what_somebody_else_has_not_erased_is_found_out(erase):
    host, eraser, heard = erase()
    with pytest.raises(CleaningFailed, match="said to be clean, but nvme0n1 at byte 0 still holds data"):
        eraser.verify(SSD, heard)
    eraser.put_away(SSD)
    assert (host.ssds[AT].bound_to, host.ssds[AT].content) == ("vfio-pci", SECRETS)


def test_what_nobody_released_is_read_as_a_whole_even_where_a_sample_would_do(erase):
    host, eraser, heard = erase(verify="sample", size_bytes=64 * GIB, content={33 * GIB: b"x"}, bound_to="nvme")
    assert eraser.find_nonzero(SSD, heard) == f"nvme0n1 at byte {33 * GIB}"
    host.ssds[AT].content = {}
    assert eraser.find_nonzero(SSD, heard) is None
    assert heard.all[-1] == ("reading", 64 * GIB, 64 * GIB)
    assert did(host) == []


ON_VFIO = {"bound_to": "vfio-pci", "override": "vfio-pci"}


def test_what_we_gave_to_vfio_and_an_older_ledger_does_not_know_of_is_brought_back_to_be_read(erase):
    host, eraser, heard = erase(content={}, **ON_VFIO)
    assert eraser.find_nonzero(SSD, heard) is None
    assert (host.ssds[AT].bound_to, host.ssds[AT].override) == ("nvme", "")
    assert heard.all[-1] == ("reading", 64 * MIB, 64 * MIB)


def test_what_is_not_empty_is_put_away_again(erase):
    host, eraser, heard = erase(**ON_VFIO)
    assert eraser.find_nonzero(SSD, heard) == "nvme0n1 at byte 0"
    assert (host.ssds[AT].bound_to, host.ssds[AT].override, host.ssds[AT].content) == ("vfio-pci", "vfio-pci", SECRETS)


@pytest.mark.parametrize("trouble", [{"without_size": ("nvme0n1",)}, {"size_bytes": 8 * GIB}])
def test_what_could_not_be_read_to_its_end_is_put_away_too(erase, trouble):
    host, eraser, _ = erase(**ON_VFIO, content={}, **trouble)
    with pytest.raises(CleaningFailed):
        eraser.find_nonzero(SSD, Heard(enough=2))
    assert host.ssds[AT].bound_to == "vfio-pci"


def test_what_a_guest_has_is_not_brought_back(erase):
    host, eraser, heard = erase(**ON_VFIO, vfio_user=True)
    with pytest.raises(PrivilegedCallError, match="in use through vfio"):
        eraser.find_nonzero(SSD, heard)
    assert host.ssds[AT].bound_to == "vfio-pci"


def test_what_does_not_come_back_is_lost_and_not_touched_again(erase):
    host, eraser, heard = erase(**ON_VFIO, comes_back=False)
    with pytest.raises(DeviceLost):
        eraser.find_nonzero(SSD, heard)
    assert [call[0] for call in host.calls] == ["bring_back"]


def test_what_the_host_has_on_nvme_is_read_where_it_is_and_left_there(erase):
    host, eraser, heard = erase(bound_to="nvme", override="")
    assert eraser.find_nonzero(SSD, heard) == "nvme0n1 at byte 0"
    assert (host.calls, host.ssds[AT].bound_to, host.ssds[AT].override) == ([], "nvme", "")


@pytest.fixture
def memory(tmp_path):
    """Make a host with one namespace that a guest had."""

    def begin(verify="whole", **fields):
        namespace = FakeNamespace("namespace0.1", "ns0", **({"content": dict(SECRETS)} | fields))
        host = FakeHost(tmp_path / "host", [], [namespace])
        handle = AttachHandle(
            HandleId("CUSTOM_PMEM_NAMESPACE_6GB", namespace.uuid), HandleKind.NVDIMM, namespace.dev, "1"
        )
        return namespace, host, NamespaceEraser(host, verify, random.Random(1)), handle

    return begin


def test_a_namespace_gets_zeros_a_gib_at_a_time_with_progress(memory):
    size_bytes = 2 * SLICE_BYTES + 2 * MIB
    namespace, host, eraser, handle = memory(size_bytes=size_bytes, content={size_bytes - 1: b"x", 0: b"x"})
    heard = Heard()
    assert eraser.erase_and_verify(handle, heard) == Proof("zeros through dax", WHOLE)
    assert namespace.content == {}
    assert len([call for call in host.calls if call[0] == "zero_namespace"]) == 3
    steps = [0, SLICE_BYTES, 2 * SLICE_BYTES, size_bytes]
    for words in ("erasing (zeros through dax)", "reading"):
        assert [step for step in heard.all if step[0] == words] == [(words, done, size_bytes) for done in steps]
    assert eraser.size_bytes(handle) == size_bytes


@pytest.mark.parametrize("verify", ["whole", "sample"])
def test_a_namespace_that_was_not_zeroed_is_found_out(memory, verify):
    _namespace, _, eraser, handle = memory(verify, erases=False, content={namespace_end(): b"x"})
    with pytest.raises(CleaningFailed, match=r"zeros through dax reported success, but namespace0.1 at byte"):
        eraser.erase_and_verify(handle, Heard())


def namespace_end():
    return FakeNamespace("namespace0.1", "ns0").size_bytes - 1


def test_a_namespace_that_somebody_else_has_erased_is_only_read(memory):
    namespace, host, eraser, handle = memory("sample", content={})
    assert "64 places by chance" in eraser.verify(handle, Heard())
    namespace.content = {0: b"x"}
    with pytest.raises(CleaningFailed, match=r"said to be clean, but namespace0.1 at byte 0"):
        eraser.verify(handle, Heard())
    assert eraser.find_nonzero(handle, Heard()) == "namespace0.1 at byte 0"
    assert not [call for call in host.calls if call[0] == "zero_namespace"]


def test_a_namespace_that_a_guest_has_mapped_is_not_touched(memory):
    namespace, _, eraser, handle = memory(user="qemu (process 7)")
    with pytest.raises(PrivilegedCallError, match=r"qemu .process 7. has /dev/dax0.1 mapped"):
        eraser.erase_and_verify(handle, Heard())
    assert namespace.content == SECRETS


def test_a_namespace_without_time_left_ends_where_it_is(memory):
    _namespace, host, eraser, handle = memory(size_bytes=8 * GIB)
    with pytest.raises(CleaningFailed, match="no time left"):
        eraser.erase_and_verify(handle, Heard(enough=2))
    assert len([call for call in host.calls if call[0] == "zero_namespace"]) == 2
