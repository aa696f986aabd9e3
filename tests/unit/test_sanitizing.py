"""A sanitize goes on in the SSD by itself: it is followed to its end, and no other one is taken for it."""

import pytest

from nova_accel.cleaning.eraser import Proof
from nova_accel.exception import CleaningFailed
from tests.unit.erasing import AT, MIB, SANITIZES, SECRETS, SSD, WHOLE, Heard, UsedSsd

EARLIER = {"sanitize_status": 1, "sanitize_method": "sanitize-block", "sanitized_to": {}}


@pytest.fixture
def erase(tmp_path):
    return UsedSsd(tmp_path)


def test_a_sanitize_is_begun_once_and_waited_for_with_its_own_progress(erase):
    host, eraser, heard = erase("sanitize-block", sanitizes=SANITIZES, sanitize_polls=4)
    eraser.erase_and_verify(SSD, heard)
    assert len([call for call in host.calls if call[0] == "sanitize"]) == 1
    assert erase.naps == [1.0] * 4
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
