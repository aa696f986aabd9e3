"""A clean device that leaves our hands while we look on is read again before anybody gets it: root's side does not look at it meanwhile."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from nova_accel.discovery.memory import Others
from nova_accel.drivers.base import NamespaceDriver
from nova_accel.eligibility.verdict import Reason
from nova_accel.exception import PrivilegedCallError
from nova_accel.privsep.reading import UNREADABLE
from tests.fakes.host import FakeHost
from tests.fakes.pmem import FakeNamespace, FakePmem
from tests.unit.conftest import Bench
from tests.unit.one_host import ONE, SERVER, TWO, calls, ssd, start

FIRST = "namespace0.1"
UUID = "aaaaaaaa-0000-4000-8000-000000000000"
SAYS_NOTHING_OF_CONTENT = {
    Reason.ELIGIBLE,
    Reason.NOT_CHECKED,
    Reason.CRITICAL_WARNING,
    Reason.SPARE_LOW,
    Reason.WORN_OUT,
    Reason.BAD_BLOCKS,
}
SPDK = {4096: b"left by SPDK"}


@pytest.fixture
def bench(make_bench):
    """A free SSD that was found empty."""
    bench = make_bench(ssd())
    assert bench.state("SN1") == "available"
    return bench


def reason(bench: Bench, at: str = ONE) -> Reason:
    return next(one.verdict.reason for one in bench.service.inventory.snapshot.candidates if one.address == at)


def in_sysfs(name: str, text: str) -> Callable[[FakeHost], object]:
    return lambda host: (host.roots.sys / "bus/pci/devices" / ONE / name).write_text(text)


def lose_namespaces(host: FakeHost) -> None:
    host.bring_back(ONE)
    host.ssds[ONE].namespaces = 0
    host._bind(host.ssds[ONE], "nvme")


def share_the_group(host: FakeHost) -> None:
    (group,) = (host.roots.sys / "kernel/iommu_groups").iterdir()
    (group / "devices" / "0000:01:00.1").touch()


def lose_the_iommu(host: FakeHost) -> None:
    (host.roots.sys / "bus/pci/devices" / ONE / "iommu_group").unlink()


LEFT: dict[Reason, Callable[[FakeHost], object]] = {
    Reason.FOREIGN_DRIVER: lambda host: host._bind(host.ssds[ONE], "uio_pci_generic"),
    Reason.DUPLICATE_SERIAL: lambda host: host.plug(ssd(TWO)),
    Reason.NO_IOMMU: lose_the_iommu,
    Reason.SHARED_IOMMU_GROUP: share_the_group,
    Reason.HAS_VFS: in_sysfs("sriov_numvfs", "4\n"),
    Reason.NO_RESET: in_sysfs("reset_method", "\n"),
    Reason.MOUNTED: lambda host: host.mount(ONE, "/srv"),
}


def test_what_says_nothing_of_the_content_is_told_from_all_else():
    assert {one for one in Reason if not one.is_out_of_our_hands} == SAYS_NOTHING_OF_CONTENT
    assert all(one.is_out_of_our_hands for one in Reason if one.host_uses_it)


@pytest.mark.parametrize("why", LEFT, ids=lambda why: why.name)
def test_an_available_ssd_that_left_our_hands_is_dirty(bench, why):
    LEFT[why](bench.host)
    bench.service.work()
    assert (reason(bench), bench.state("SN1")) == (why, "dirty")
    bench.service.work()
    assert bench.state("SN1") == "dirty"


def test_an_available_ssd_without_namespaces_is_dirty_unless_they_show_a_moment_later(bench):
    lose_namespaces(bench.host)
    bench.service.work()
    assert (reason(bench), bench.state("SN1")) == (Reason.NO_NAMESPACE, "available")
    bench.service.work()
    assert bench.state("SN1") == "dirty"


@pytest.mark.parametrize("why", LEFT, ids=lambda why: why.name)
def test_what_a_server_has_stays_that_servers(bench, why):
    start(bench, "SN1")
    bench.domains[SERVER] = {ONE}
    LEFT[why](bench.host)
    bench.service.work()
    assert bench.state("SN1") == "assigned"


@pytest.mark.parametrize("content", [{}, SPDK], ids=["empty", "written"])
def test_an_ssd_that_somebody_bound_to_vfio_pci_is_let_alone_there_and_read_once_it_is_back(bench, content):
    bench.host.hand_over(ONE, "SN1")  # as driverctl does
    bench.host.ssds[ONE].content = dict(content)
    before = len(calls(bench, "bring_back"))
    unknown = Others(unknown="libvirt does not answer")
    for others in (Others(), unknown, Others()):
        bench.others[0] = others
        bench.service.work()
        assert bench.state("SN1") == "dirty"
    assert reason(bench) is Reason.FOREIGN_DRIVER
    assert len(calls(bench, "bring_back")) == before
    bench.host.bring_back(ONE)
    bench.host.settle(ONE)
    bench.service.work()
    assert bench.state("SN1") == ("dirty" if content else "available")


def test_one_that_somebody_bound_to_vfio_pci_is_let_alone_after_restarts_too(bench, make_bench, settings, monkeypatch):
    bench.host.hand_over(ONE, "SN1")
    bench.service.work()
    before = len(calls(bench, "bring_back"))
    make_bench(host=bench.host, options=replace(settings, enabled_drivers=("intel_pmem_driver",)))
    with monkeypatch.context() as broken:
        broken.setattr(bench.host, "lspci", fails)
        make_bench(host=bench.host)
    again = make_bench(host=bench.host)
    assert (reason(again), again.state("SN1")) == (Reason.FOREIGN_DRIVER, "dirty")
    assert len(calls(again, "bring_back")) == before


def test_one_that_may_be_erased_is_taken_from_vfio_pci_whoever_bound_it(bench):
    bench.host.hand_over(ONE, "SN1")
    bench.service.work()
    bench.host.ssds[ONE].content = dict(SPDK)
    bench.service.ledger.operator.ask_for_cleaning("SN1", erase_foreign_data=True)
    bench.service.work()
    bench.service.work()
    assert (bench.state("SN1"), bench.host.ssds[ONE].content) == ("available", {})


def test_an_ssd_that_nova_may_give_away_too_is_read_before_it_is_offered_again(bench):
    bench.others[0] = Others(owner_of_pci=lambda record: "[pci] device_spec")
    bench.service.work()
    assert (reason(bench), bench.state("SN1")) == (Reason.DOUBLE_OWNER, "dirty")
    assert bench.reason("SN1") == "was out of our hands meanwhile (double owner), so nothing is known about its content"
    bench.host.ssds[ONE].content = {4096: b"a server's that was deleted before a look saw it"}
    bench.others[0] = Others()
    bench.service.work()
    assert bench.state("SN1") == "dirty"


@pytest.mark.parametrize("content", [{}, {0: b"files of the host"}], ids=["empty", "written"])
def test_an_ssd_that_no_driver_took_for_a_while_is_read_again(bench, make_bench, settings, content):
    without = make_bench(host=bench.host, options=replace(settings, nvme_ssd_filters=("serial:OTHER*",)))
    assert (reason(without), without.state("SN1")) == (Reason.NOT_CONFIGURED, "dirty")
    without.service.work()
    assert "was out of our hands meanwhile (not configured)" in without.reason("SN1"), "it is here, so that is not said"
    bench.host.ssds[ONE].content = dict(content)
    assert make_bench(host=bench.host).state("SN1") == ("dirty" if content else "available")


def test_an_ssd_in_raw_use_whose_signatures_cannot_be_read_is_read_again(bench, monkeypatch):
    monkeypatch.setattr(bench.host, "signatures", lambda asked: {ONE: [UNREADABLE]})
    monkeypatch.setattr(bench.host, "who_uses", lambda asked: {ONE: "dd has /dev/nvme0n1 open for writing"})
    bench.service.work()
    assert (reason(bench), bench.state("SN1")) == (Reason.NOT_CHECKED, "dirty")


def test_of_two_with_one_serial_number_neither_is_taken_for_the_clean_one(bench):
    bench.host.plug(ssd(TWO, content={0: b"another's"}))
    bench.service.work()
    bench.host.unplug(ONE)
    bench.service.work()
    assert bench.state("SN1") == "dirty"


def fails(*args: object) -> str:
    raise PrivilegedCallError("lspci", "was not done after 30 s and was killed")


@pytest.mark.parametrize(
    "happens",
    [
        lambda bench, patch: bench.others.__setitem__(0, Others(unknown="libvirt does not answer")),
        lambda bench, patch: patch.setattr(bench.host, "lspci", fails),
        lambda bench, patch: patch.setattr(bench.host, "who_uses", fails),
        lambda bench, patch: patch.setattr(bench.host, "signatures", lambda asked: {ONE: [UNREADABLE]}),
        lambda bench, patch: bench.host.ssds[ONE].smart.update(critical_warning=4),
        lambda bench, patch: bench.host.reboot_id("8f1c7a6e-0000-4000-8000-000000000002"),
    ],
    ids=["no libvirt", "no lspci", "no root's side", "unreadable", "ill", "reboot"],
)
def test_what_says_nothing_of_the_content_leaves_it_available(bench, make_bench, monkeypatch, happens):
    with monkeypatch.context() as patch:
        happens(bench, patch)
        bench.service.work()
        assert bench.state("SN1") == "available"
        assert make_bench(host=bench.host).state("SN1") == "available"
    assert make_bench(host=bench.host).state("SN1") == "available"


def test_what_an_earlier_look_saw_does_not_count_against_what_was_cleaned_since(bench, monkeypatch):
    start(bench, "SN1")
    bench.service.release(SERVER, "Nova deleted it")
    inventory = bench.service.inventory
    # As it was seen in the middle of being bound anew.
    (seen,) = inventory.snapshot.candidates
    inventory.snapshot = replace(
        inventory.snapshot,
        candidates=(seen.with_evidence(pci=replace(seen.evidence.pci, kernel_driver=None)),),
    )
    monkeypatch.setattr(bench.host, "lspci", fails)
    inventory.refresh()
    assert (reason(bench), bench.state("SN1")) == (Reason.FOREIGN_DRIVER, "available")


def test_a_rebind_that_libvirts_silence_hides_counts_all_the_same(bench):
    bench.others[0] = Others(unknown="libvirt does not answer")
    bench.host.hand_over(ONE, "SN1")
    bench.service.work()
    assert (reason(bench), bench.state("SN1")) == (Reason.NOT_CHECKED, "dirty")


@pytest.fixture
def spaces(make_bench):
    """Two namespaces of persistent memory, free and found empty."""
    bench = make_bench(namespaces=[FakeNamespace(FIRST, "ns0", UUID), FakeNamespace("namespace0.2", "ns1")])
    assert bench.state(UUID) == "available"
    return bench


NAMESPACE_LEFT: dict[Reason, Callable[[FakePmem], object]] = {
    Reason.DISABLED: lambda pmem: pmem.enable(FIRST, False),
    Reason.SYSTEM_RAM: lambda pmem: setattr(pmem.namespaces[FIRST], "dax_mode", "system-ram"),
    Reason.MISALIGNED: lambda pmem: setattr(pmem.namespaces[FIRST], "align_bytes", 48 * 1024 * 1024),
    Reason.EMPTY: lambda pmem: setattr(pmem.namespaces[FIRST], "size_bytes", 0),
    Reason.AMBIGUOUS_NAME: lambda pmem: setattr(pmem.namespaces["namespace0.2"], "name", "ns0"),
    Reason.DUPLICATE_UUID: lambda pmem: setattr(pmem.namespaces["namespace0.2"], "uuid", UUID),
    Reason.NOT_CONFIGURED: lambda pmem: setattr(pmem.namespaces[FIRST], "name", "scratch"),
}


@pytest.mark.parametrize("why", NAMESPACE_LEFT, ids=lambda why: why.name)
def test_an_available_namespace_that_left_our_hands_is_dirty(spaces, why):
    NAMESPACE_LEFT[why](spaces.host.pmem)
    spaces.service.work()
    assert (reason(spaces, FIRST), spaces.state(UUID)) == (why, "dirty")


def test_a_namespace_that_another_driver_claims_too_is_dirty(spaces):
    inventory = spaces.service.inventory
    (driver,) = (one for one in inventory._drivers if isinstance(one, NamespaceDriver))
    rival = type("Rival", (type(driver),), {"name": "rival"})
    inventory._drivers = (*inventory._drivers, rival(spaces.service._settings))
    spaces.service.work()
    assert (reason(spaces, FIRST), spaces.state(UUID)) == (Reason.CLAIMED_TWICE, "dirty")


def test_a_namespace_with_bad_blocks_stays_available(spaces):
    spaces.host.pmem.namespaces[FIRST].bad_blocks = 8
    spaces.service.work()
    assert (reason(spaces, FIRST), spaces.state(UUID)) == (Reason.BAD_BLOCKS, "available")
