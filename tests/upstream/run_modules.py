"""Run modules of Nova's own functional tests over a given compute driver and write down what each test said.

A process of its own, because Nova patches and poisons a lot at import:

    python run_modules.py accel.AccelLibvirtDriver [--enabled] results.json nova.tests.functional.libvirt.test_vpmem ...

The tests name ``libvirt.LibvirtDriver`` themselves; where they do, Nova's own load_compute_driver is asked for the
given driver instead, so that loading takes the way it takes in nova-compute. Likewise what they replace of the class
``nova.virt.libvirt.LibvirtDriver`` is replaced in the given driver's: one that calls what the driver had before would go
round for ever if a base class had it. Which class then really ran is counted apart from that, where a compute service
starts.
"""

import argparse
import collections
import functools
import json
import sys
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

# Its monkey patching has to come before any other module of nova.
import nova.tests.functional

# isort: split
import nova.virt.libvirt
from nova.compute import manager
from nova.virt import driver
from oslo_utils import importutils

NAMED_BY_TESTS = "libvirt.LibvirtDriver"
CHECKOUT = Path(__file__).parents[2]
ENABLED = {
    "enabled_drivers": ["inspur_nvme_ssd_driver", "nvme_ssd_driver", "intel_pmem_driver"],
    "nvme_ssd_filter": ["vendor_id:*"],
    "pmem_namespaces": ["OURS:ours"],
    "discovery_interval": 0,
}
NEWEST = Path("newest")
"""The test that began last; in the folder where this runs."""
LOOKED = "looked for devices"
CAME_UP = "driver came up"


class StartedTests(unittest.TextTestResult):
    """Remembers the ids of the tests that ran: a result of unittest keeps those that did not pass only."""

    def __init__(self, started: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.started = started

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802  unittest's name
        """Note the id before Nova's tearDown takes the test's attributes away, and for who waits, that this goes on."""
        self.started.append(test.id())
        NEWEST.write_text(test.id())
        super().startTest(test)


def loading(name: str, load: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap load_compute_driver so that it loads ``name`` where a test wants LibvirtDriver."""

    @functools.wraps(load)
    def load_compute_driver(virtapi: Any, compute_driver: str | None = None) -> Any:
        wanted = compute_driver or driver.CONF.compute_driver
        return load(virtapi, name if wanted == NAMED_BY_TESTS else wanted)

    return load_compute_driver


def counting(services: collections.Counter[str], init_host: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ComputeManager.init_host so that each service started counts for its driver's exact class, and each driver that came up."""

    @functools.wraps(init_host)
    def counted(compute: Any, *args: Any, **kwargs: Any) -> Any:
        kind = type(compute.driver)
        services[f"{kind.__module__}.{kind.__qualname__}"] += 1
        with mock.patch.object(compute.driver, "init_host", coming_up(services, compute.driver.init_host)):
            return init_host(compute, *args, **kwargs)

    return counted


def coming_up(services: collections.Counter[str], init_host: Callable[..., None]) -> Callable[..., None]:
    """Wrap a driver's init_host, which some of Nova's tests want to fail; others want the service to fail later."""

    def counted(*args: Any, **kwargs: Any) -> None:
        init_host(*args, **kwargs)
        services[CAME_UP] += 1

    return counted


def enable_our_drivers(started: list[str], services: collections.Counter[str]) -> None:
    """Have each service that starts with our driver look for devices of every sort, on a host of its own that has none.

    :param started: the tests so far; each has hosts of its own
    :param services: counts those that did so
    """
    sys.path.append(str(CHECKOUT))
    from nova_accel import conf
    from nova_accel.virt import driver as ours
    from tests.fakes.host import FakeHost

    init_host = ours.AccelLibvirtDriver.init_host

    def folder(host: str) -> Path:
        return Path(f"test-{len(started)}", host).absolute()

    @functools.wraps(init_host)
    def enabled(compute_driver: Any, host: str) -> None:
        conf.register(driver.CONF)
        kept = {"ledger_path": "ledger.sqlite", "cleaning_record": "cleaning.jsonl"}
        options = ENABLED | {name: str(folder(host) / file) for name, file in kept.items()}
        for name, value in options.items():
            # Nova's fixtures take it back after the test.
            driver.CONF.set_override(name, value, group="nova_accel")
        init_host(compute_driver, host)
        services[LOOKED] += compute_driver._accel.inventory.has_looked

    ours.AccelLibvirtDriver.init_host = enabled
    ours.local_host = lambda host: FakeHost(folder(host))
    ours.in_background = lambda work: work()
    ours.for_as_long_as_it_runs = lambda keep_working: None


def outcomes(result: StartedTests) -> dict[str, str]:
    """Give each test that ran, or could not even be loaded, one word."""
    words = dict.fromkeys(result.started, "passed")
    words |= {test.id(): "skipped" for test, _ in result.skipped}
    words |= {test.id(): "expected failure" for test, _ in result.expectedFailures}
    words |= {test.id(): "failed" for test, _ in result.failures + result.errors}
    return words | {test.id(): "failed" for test in result.unexpectedSuccesses}


def main() -> None:
    """Run what the command line names; the report is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("driver")
    parser.add_argument("--enabled", action="store_true", help="with every driver of ours enabled, on empty hosts")
    parser.add_argument("report", type=Path)
    parser.add_argument("names", nargs="+", help="modules, or single tests")
    wanted = parser.parse_args()
    services: collections.Counter[str] = collections.Counter()
    started: list[str] = []
    driver.load_compute_driver = loading(wanted.driver, driver.load_compute_driver)
    manager.ComputeManager.init_host = counting(services, manager.ComputeManager.init_host)
    nova.virt.libvirt.LibvirtDriver = importutils.import_class(f"nova.virt.{wanted.driver}")
    if wanted.enabled:
        enable_our_drivers(started, services)
    suite = unittest.defaultTestLoader.loadTestsFromNames(wanted.names)
    result = unittest.TextTestRunner(resultclass=functools.partial(StartedTests, started), verbosity=2).run(suite)
    looked, came_up = services.pop(LOOKED, 0), services.pop(CAME_UP, 0)
    report = {"services": services, "came_up": came_up, "looked": looked, "tests": outcomes(result)}
    wanted.report.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
