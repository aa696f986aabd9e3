"""Run modules of Nova's own functional tests over a given compute driver and write down what each test said.

A process of its own, because Nova patches and poisons a lot at import:

    python run_modules.py accel.AccelLibvirtDriver results.json nova.tests.functional.libvirt.test_vpmem ...

The tests name ``libvirt.LibvirtDriver`` themselves; where they do, Nova's own load_compute_driver is asked for the
given driver instead, so that loading takes the way it takes in nova-compute. Which class then really ran is counted
apart from that, where a compute service starts.
"""

import collections
import functools
import json
import sys
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Its monkey patching has to come before any other module of nova.
import nova.tests.functional  # noqa: F401

# isort: split
from nova.compute import manager
from nova.virt import driver

NAMED_BY_TESTS = "libvirt.LibvirtDriver"


class StartedTests(unittest.TextTestResult):
    """Remembers the ids of the tests that ran: a result of unittest keeps those that did not pass only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.started: list[str] = []

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802  unittest's name
        """Note the id before Nova's tearDown takes the test's attributes away."""
        self.started.append(test.id())
        super().startTest(test)


def loading(name: str, load: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap load_compute_driver so that it loads ``name`` where a test wants LibvirtDriver."""

    @functools.wraps(load)
    def load_compute_driver(virtapi: Any, compute_driver: str | None = None) -> Any:
        wanted = compute_driver or driver.CONF.compute_driver
        return load(virtapi, name if wanted == NAMED_BY_TESTS else wanted)

    return load_compute_driver


def counting(services: collections.Counter[str], init_host: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ComputeManager.init_host so that each service started counts for its driver's exact class."""

    @functools.wraps(init_host)
    def counted(compute: Any, *args: Any, **kwargs: Any) -> Any:
        kind = type(compute.driver)
        services[f"{kind.__module__}.{kind.__qualname__}"] += 1
        return init_host(compute, *args, **kwargs)

    return counted


def outcomes(result: StartedTests) -> dict[str, str]:
    """Give each test that ran, or could not even be loaded, one word."""
    words = dict.fromkeys(result.started, "passed")
    words |= {test.id(): "skipped" for test, _ in result.skipped}
    words |= {test.id(): "expected failure" for test, _ in result.expectedFailures}
    words |= {test.id(): "failed" for test, _ in result.failures + result.errors}
    return words | {test.id(): "failed" for test in result.unexpectedSuccesses}


def main(name: str, report: str, *modules: str) -> None:
    """Run the modules over the driver ``name``; the report is JSON."""
    services: collections.Counter[str] = collections.Counter()
    driver.load_compute_driver = loading(name, driver.load_compute_driver)
    manager.ComputeManager.init_host = counting(services, manager.ComputeManager.init_host)
    suite = unittest.defaultTestLoader.loadTestsFromNames(modules)
    result = unittest.TextTestRunner(resultclass=StartedTests, verbosity=2).run(suite)
    Path(report).write_text(json.dumps({"services": services, "tests": outcomes(result)}, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
