"""What the options of cleaning do to one host: none, one_time_use, ssd_wear_limit, clean_methods that cannot be right."""

from dataclasses import replace

import pytest

from nova_accel.exception import CleaningFailed, ConfigurationError, DeviceLost, HandleUnavailable
from tests.fakes.host import FakeSsd
from tests.unit.conftest import ssd_handle
from tests.unit.one_host import ONE, OTHER, SERVER, classes, start

SECRET = {0: b"of the server before", 1 << 30: b"more"}


@pytest.fixture
def passed_on(make_bench, settings):
    """A host that erases nothing, and its SSD after a server was deleted that wrote to it."""
    bench = make_bench(FakeSsd(ONE, "SN1", size_bytes=2 << 30), options=replace(settings, clean_methods=("none",)))
    start(bench, "SN1")
    bench.host.ssds[ONE].content = dict(SECRET)
    bench.host.ssds[ONE].signatures = ("LVM2_member",)
    bench.service.release(SERVER, "Nova deleted it")
    return bench


def test_none_passes_an_ssd_on_as_it_is_and_the_host_never_sees_it(passed_on):
    assert passed_on.state("SN1") == "available"
    passed_on.service.work()
    (part,) = classes(passed_on)
    assert part.resources == {ssd_handle("SN1")}
    start(passed_on, "SN1", server=OTHER)
    assert passed_on.host.ssds[ONE].content == SECRET
    assert passed_on.host.ssds[ONE].bound_to == "vfio-pci"


def test_what_a_server_wrote_is_not_taken_for_the_hosts_after_a_reboot(passed_on):
    passed_on.host.reboot_id("8f1c7a6e-0000-4000-8000-000000000002")
    passed_on.host.bring_back(ONE)
    passed_on.host.settle(ONE)
    passed_on.service.work()
    assert passed_on.state("SN1") == "available"
    start(passed_on, "SN1", server=OTHER)
    assert passed_on.host.ssds[ONE].bound_to == "vfio-pci"


def test_what_was_passed_on_is_erased_once_the_operator_wants_that_again(passed_on, make_bench):
    bench = make_bench(host=passed_on.host)  # nova-compute was started again, with other options
    assert bench.state("SN1") == "available"
    assert bench.host.ssds[ONE].content == {}
    assert not bench.entry("SN1").unproven


def test_what_the_host_takes_is_not_passed_on(passed_on):
    passed_on.host.bring_back(ONE)
    passed_on.host.settle(ONE)
    passed_on.host.mount(ONE, "/srv")
    passed_on.service.work()
    assert passed_on.state("SN1") == "dirty"


def test_what_others_clean_waits_and_says_for_what(make_bench, settings):
    bench = make_bench(FakeSsd(ONE, "SN1"), options=replace(settings, one_time_use=True))
    start(bench, "SN1")
    bench.host.ssds[ONE].content = dict(SECRET)
    bench.service.release(SERVER, "Nova deleted it")
    bench.service.work()
    assert bench.state("SN1") == "dirty"
    assert "waits for whoever cleans it: nova-accel device clean SN1 --done-by NAME" in bench.reason("SN1")
    assert bench.host.ssds[ONE].content == SECRET
    bench.service.ledger.operator.done_by("SN1", "the robot")
    bench.service.work()
    assert bench.state("SN1") == "clean failed"
    for _ in range(2):
        bench.service.work()
        assert "nvme0n1 at byte 0 still holds data" in bench.reason("SN1")
        assert bench.reason("SN1").count("waits for whoever cleans it: nova-accel device clean SN1 --done-by NAME") == 1
    bench.host.ssds[ONE].content = {}
    bench.service.ledger.operator.done_by("SN1", "the robot")
    bench.service.work()
    assert bench.state("SN1") == "available"


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"one_time_use": True}, True),
        ({"one_time_use": True, "on_rebuild": "keep"}, False),
        ({"one_time_use": True, "clean_methods": ("none",)}, False),
        ({"clean_methods": ("none",)}, False),
        ({"on_rebuild": "keep"}, False),
    ],
)
def test_a_rebuild_erases_nothing_where_nova_compute_is_not_to(make_bench, settings, options, refused):
    bench = make_bench(FakeSsd(ONE, "SN1"), options=replace(settings, **options))
    start(bench, "SN1")
    bench.host.ssds[ONE].content = dict(SECRET)
    assert bool(bench.service.rebuilds.why_not()) is refused
    if refused:
        with pytest.raises(HandleUnavailable, match="on_rebuild = keep"):
            bench.service.rebuilds.erase([ssd_handle("SN1")], SERVER)
        bench.service.rebuilds.erase([ssd_handle("SN1")], OTHER)  # one that comes here only now, as by an evacuation
    else:
        bench.service.rebuilds.erase([ssd_handle("SN1")], SERVER)
    assert bench.host.ssds[ONE].content == SECRET


def test_a_rebuild_is_refused_nowhere_else(make_bench):
    assert make_bench().service.rebuilds.why_not() == ""


def test_the_limit_for_wear_is_the_operators(make_bench, settings):
    bench = make_bench(FakeSsd(ONE, "SN1", smart={"percent_used": 50}), options=replace(settings, ssd_wear_limit=49))
    assert bench.service.inventory.snapshot.candidates[0].verdict.reason.name == "WORN_OUT"


@pytest.mark.parametrize("methods", [(), ("shred",), ("format", "format"), ("none", "format")])
def test_methods_that_cannot_be_right_stop_the_start(make_bench, settings, methods):
    with pytest.raises(ConfigurationError, match="clean_methods"):
        make_bench(FakeSsd(ONE, "SN1"), options=replace(settings, clean_methods=methods))


def test_an_ssd_that_hangs_where_a_guest_starts_is_quarantined(make_bench):
    bench = make_bench(FakeSsd(ONE, "SN1"))

    def hangs(address, serial):
        raise DeviceLost("hand_over", f"{address} does not answer")

    bench.host.hand_over = hangs
    with pytest.raises(DeviceLost):
        start(bench, "SN1")
    assert bench.entry("SN1").drained == "quarantined: hand_over: 0000:01:00.0 does not answer"
    (part,) = classes(bench)
    assert part.resources == frozenset()


def test_an_ssd_that_does_not_come_back_from_its_guest_is_quarantined(make_bench):
    bench = make_bench(FakeSsd(ONE, "SN1"))
    start(bench, "SN1")
    bench.host.ssds[ONE].comes_back = False
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "clean failed"
    assert bench.entry("SN1").is_quarantined
    bench.host.ssds[ONE].comes_back = True
    bench.service.work()
    assert bench.state("SN1") == "clean failed"
    bench.service.ledger.operator.undrain("SN1")
    bench.service.ledger.operator.ask_for_cleaning("SN1", erase_foreign_data=False)
    bench.service.work()
    assert bench.state("SN1") == "available"


def test_what_nova_allocates_no_more_after_a_rebuild_failed_is_reserved_while_its_server_keeps_it(make_bench):
    bench = make_bench(FakeSsd(ONE, "SN1"))
    start(bench, "SN1")
    bench.host.ssds[ONE].content = dict(SECRET)
    bench.host.ssds[ONE].erases = False
    handle = ssd_handle("SN1")
    classes(bench, {handle})
    with pytest.raises(CleaningFailed):
        bench.service.rebuilds.erase([handle], SERVER)
    bench.given_back.add(SERVER)
    bench.service.work()
    (part,) = classes(bench, {handle})
    assert (part.total, part.reserved, part.resources) == (1, 1, {handle})
    bench.host.ssds[ONE].erases = True
    bench.service.rebuilds.erase([handle], SERVER)
    bench.service.work()
    (part,) = classes(bench, {handle})
    assert (part.reserved, part.resources) == (1, {handle}), "a rebuild allocates nothing"
    assert bench.host.ssds[ONE].content == {}
    bench.given_back.clear()
    bench.service.work()
    (part,) = classes(bench, {handle})
    assert (part.reserved, part.resources) == (0, {handle})
