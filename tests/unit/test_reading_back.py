"""What of an SSD is read, and where it is left afterwards: once erased, said to be clean, or released by nobody."""

import pytest

from nova_accel.exception import CleaningFailed, DeviceLost, PrivilegedCallError
from tests.unit.erasing import AT, GIB, MIB, SECRETS, SSD, WHOLE, Heard, UsedSsd, did

ON_VFIO = {"bound_to": "vfio-pci", "override": "vfio-pci"}


@pytest.fixture
def erase(tmp_path):
    return UsedSsd(tmp_path)


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


def refusing(error):
    def refuse(*_):
        raise error

    return refuse


def test_what_hangs_as_it_is_put_away_unread_is_lost(erase, monkeypatch):
    host, eraser, heard = erase(**ON_VFIO, without_size=("nvme0n1",))
    monkeypatch.setattr(host, "hand_over", refusing(DeviceLost("hand_over", "the kernel does not come back")))
    with pytest.raises(DeviceLost, match="the kernel does not come back"):
        eraser.find_nonzero(SSD, heard)


def test_why_it_could_not_be_read_is_told_although_it_could_not_be_put_away_either(erase, monkeypatch, caplog):
    host, eraser, heard = erase(**ON_VFIO, without_size=("nvme0n1",))
    monkeypatch.setattr(host, "hand_over", refusing(PrivilegedCallError("hand_over", "it is mounted")))
    with pytest.raises(CleaningFailed):
        eraser.find_nonzero(SSD, heard)
    assert "CUSTOM_SSD SN1 could not be put out of the host's sight: hand_over: it is mounted" in caplog.text
