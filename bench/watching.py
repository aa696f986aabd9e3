"""Counts what an audit should not do: start processes, ask root's side, write to Placement."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from nova.scheduler.client.report import SchedulerReportClient
from oslo_privsep.priv_context import PrivContext

STARTS = (
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
    "subprocess.Popen",
)
PROCESSES = "processes started"
PRIVSEP = "calls through privsep, anybody's"
HOST = "calls to our border to the machine"
PLACEMENT = "writes to Placement"
WRITES = ("put", "post", "delete")


class Watch:
    """The interpreter's audit events cannot be switched off again, so one is made and told when to count."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._counting = False
        sys.addaudithook(self._note)

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Count within the block, from zero."""
        self.counts = Counter()
        with ExitStack() as stack:
            for name in WRITES:
                stack.enter_context(self._counted(SchedulerReportClient, name, PLACEMENT))
            stack.enter_context(mock.patch.object(PrivContext, "client_mode", self._asked(), create=True))
            self._counting = True
            try:
                yield self.counts
            finally:
                self._counting = False

    def host(self, host: object) -> "CountedHost":
        """Wrap the border to the machine: each call of it counts."""
        return CountedHost(host, lambda: self.counts.update([HOST]))

    def _note(self, event: str, _arguments: object) -> None:
        if self._counting and event in STARTS:
            self.counts[PROCESSES] += 1

    def _asked(self) -> property:
        """What each privileged function looks at before it is sent to root's side; its decorator hides the rest."""

        def client_mode(context: PrivContext) -> bool:
            self.counts[PRIVSEP] += 1
            return bool(vars(context)["client_mode"])

        return property(client_mode)

    def _counted(self, owner: type, name: str, what: str) -> "mock._patch[Any]":
        original = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.counts[what] += 1
            return original(*args, **kwargs)

        return mock.patch.object(owner, name, counted)


class CountedHost:
    """Implements :class:`nova_accel.host.Host` by another one."""

    def __init__(self, host: object, called: Callable[[], None]) -> None:
        self._host = host
        self._called = called

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._host, name)
        if not callable(found):
            return found

        def counted(*args: Any, **kwargs: Any) -> Any:
            self._called()
            return found(*args, **kwargs)

        return counted
