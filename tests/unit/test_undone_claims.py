"""What becomes of devices that were claimed for a guest which did not start."""

import pytest

from nova_accel.exception import HandleUnavailable, PrivilegedCallError
from tests.unit.conftest import ssd_handle
from tests.unit.one_host import ONE, TWO, classes, ssd, start


@pytest.fixture
def bench(make_bench):
    """SN1 is taken first; SN2 never gets ready."""
    bench = make_bench(ssd(ONE, "SN1"), ssd(TWO, "SN2"))
    bench.host.ssds[TWO].signatures = ("ext4",)
    return bench


def failing(monkeypatch, host, name, *, done):
    """Let a call on root's side fail, before or after it was done."""
    call = getattr(host, name)

    def fail(*args):
        if done:
            call(*args)
        monkeypatch.undo()
        raise PrivilegedCallError(name, "it went wrong this time")

    monkeypatch.setattr(host, name, fail)


def test_what_was_ready_goes_back_to_the_host(bench):
    with pytest.raises(HandleUnavailable, match="the host has put ext4 on it"):
        start(bench, "SN1", "SN2")
    assert (bench.state("SN1"), bench.host.ssds[ONE].bound_to, bench.entry("SN1").server) == ("available", "nvme", None)


@pytest.mark.parametrize("done", [False, True])
def test_what_does_not_come_back_is_not_offered_until_it_was_cleaned(bench, monkeypatch, done):
    failing(monkeypatch, bench.host, "bring_back", done=done)
    with pytest.raises(HandleUnavailable, match="the host has put ext4 on it"):
        start(bench, "SN1", "SN2")
    assert bench.state("SN1") == "dirty"
    assert [part.resources for part in classes(bench)] == [frozenset(), {ssd_handle("SN2")}]
    bench.service.work()
    assert (bench.state("SN1"), bench.host.ssds[ONE].bound_to) == ("available", "nvme")


def test_what_is_on_vfio_pci_although_it_did_not_get_ready_is_brought_back_and_read(bench, monkeypatch):
    failing(monkeypatch, bench.host, "hand_over", done=True)
    with pytest.raises(PrivilegedCallError):
        start(bench, "SN1")
    assert bench.state("SN1") == "dirty"
    assert bench.reason("SN1") == "could not be made ready for a guest: hand_over: it went wrong this time"
    bench.service.work()
    assert (bench.state("SN1"), bench.host.ssds[ONE].bound_to) == ("available", "nvme")
    assert not [call for call in bench.host.calls if call[0] == "erase"]


def test_what_nothing_was_done_to_is_as_clean_as_before(bench, monkeypatch):
    failing(monkeypatch, bench.host, "hand_over", done=False)
    with pytest.raises(PrivilegedCallError):
        start(bench, "SN1")
    assert bench.state("SN1") == "available"
    start(bench, "SN1")


def test_a_servers_ssd_that_was_cut_between_two_drivers_is_brought_back_before_it_is_handed_over_again(bench):
    start(bench, "SN1")
    found = bench.host.ssds[ONE]
    found.content[0] = b"its server's"
    bench.host._bind(found, None)
    bench.service.work()
    begun = len(bench.host.calls)
    start(bench, "SN1")
    assert [call[0] for call in bench.host.calls[begun:]] == ["bring_back", "hand_over"]
    assert (found.bound_to, found.content) == ("vfio-pci", {0: b"its server's"})
