"""A compute service with a full host: Nova, Placement and our driver as in the functional tests."""

import unittest
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Its patching has to come before any other module of nova.
import nova.tests.functional  # noqa: F401

# isort: split
from bench.watching import Watch
from tests.fakes.host import FakeHost, FakeSsd
from tests.fakes.pmem import FakeNamespace
from tests.functional import base

HOST = "compute1"
REGIONS = 4
_TRIES = 240  # each half a second


@dataclass(frozen=True)
class Size:
    """How much of a host there is."""

    ssds: int
    namespaces: int


class Stage(base.AccelTestCase):
    """One host; ``act`` is what is measured on it. Nova's fixtures want a test case around them."""

    act: Callable[["Stage"], Any]
    size: Size
    watch: Watch
    result: Any

    def runTest(self) -> None:  # noqa: N802  unittest's name
        names = [f"ns{number}" for number in range(self.size.namespaces)]
        if names:
            self.flags(pmem_namespaces=[f"6GB:{'|'.join(names)}"], group="nova_accel")
        machine = FakeHost(self.folder / HOST, ssds(self.size.ssds), namespaces(names))
        self.machines[HOST] = self.watch.host(machine)
        self.start_compute(HOST)
        results.append(type(self).act(self))

    def _wait_for_server_parameter(self, server: Any, expected_params: Any, max_retries: int = 0, **kwargs: Any) -> Any:
        """Wait longer than Nova's tests do: each audit in a boot looks at all servers that there are."""
        return super()._wait_for_server_parameter(server, expected_params, max(max_retries, _TRIES), **kwargs)


results: list[Any] = []


def ssds(count: int) -> list[FakeSsd]:
    """Each at a NUMA node of its own, so that a flavor can name each."""
    return [FakeSsd(one.address, one.serial, numa_node=number) for number, one in enumerate(base.ssds(count))]


def namespaces(names: list[str]) -> list[FakeNamespace]:
    """One for each name, dealt to the regions in turn."""
    return [
        FakeNamespace(f"namespace{number % REGIONS}.{number // REGIONS}", name) for number, name in enumerate(names)
    ]


def on_stage(size: Size, watch: Watch, act: Callable[[Stage], Any]) -> Any:
    """Give what ``act`` gives on a host of that size.

    :raises RuntimeError: when it failed, with the end of Nova's log and the traceback
    """
    kind = type("Act", (Stage,), {"act": staticmethod(act), "size": size, "watch": watch})
    outcome = unittest.TestResult()
    kind().run(outcome)
    for _, words in outcome.errors + outcome.failures:
        raise RuntimeError(words[-6000:])
    return results.pop()
