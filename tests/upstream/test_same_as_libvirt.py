"""Nova's own functional tests say the same over our driver as over LibvirtDriver: with nothing of ours configured, and
with every driver of ours enabled on hosts that have no device for it."""

from tests.upstream import runs
from tests.upstream.runs import OURS, THEIRS, Run, Runs

THEIR_CLASS = "nova.virt.libvirt.driver.LibvirtDriver"
OUR_CLASS = "nova_accel.virt.driver.AccelLibvirtDriver"


def test_each_compute_service_ran_with_exactly_our_driver(theirs: Run, ours: Run, over: str) -> None:
    started = ours.services[OUR_CLASS]
    print(f"\ncompute services that ran with type(driver) is AccelLibvirtDriver: {started}")
    assert OUR_CLASS not in theirs.services
    assert THEIR_CLASS not in ours.services
    assert ours.looked == (ours.came_up if over == OURS["on-empty-hosts"] else 0)
    if ours.tests == theirs.tests:
        assert ours.came_up == theirs.came_up
        assert ours.services == {OUR_CLASS if name == THEIR_CLASS else name: n for name, n in theirs.services.items()}


def test_the_same_tests_pass_as_without_us(theirs: Run, ours: Run, all_runs: Runs, module: str, over: str) -> None:
    different = runs.differences(theirs.tests, ours.tests)
    if different:
        print("\nnot the same, so once more alone:", *different, sep="\n    ")
        name = f"{module.rpartition('.')[2]}-again-{over}"
        without, with_us = (all_runs.alone(different, which, name).tests for which in (THEIRS, over))
        still = runs.differences(without, with_us)
        assert not still, f"{[(one, without.get(one), with_us.get(one)) for one in still]}\n{ours.end_of_log()}"


def test_the_module_was_run(theirs: Run, ours: Run, module: str) -> None:
    for run in (theirs, ours):
        assert any(name.startswith(f"{module}.") for name in run.tests), run.end_of_log()
        assert set(run.tests.values()) & {"passed", "expected failure"}, run.end_of_log()


def test_what_is_run_every_day_is_among_all_modules() -> None:
    assert set(runs.few_modules()) < set(runs.every_module())
