"""Processes that the lab starts: each with a log, a marker in its environment, and an end."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from lab.folders import RunFolder

MARKER = "NOVA_ACCEL_LAB_RUN"
GRACE_S = 10.0


class ProcessEnded(Exception):
    """A process that should run has ended."""

    def __init__(self, name: str, status: int, log: pathlib.Path) -> None:
        super().__init__(f"{name} ended with status {status}: see {log}")
        self.name = name
        self.status = status
        self.log = log


class Process:
    """One long-running child in a session of its own, so that Ctrl-C does not reach it first.

    It dies with the lab, even if that is killed (``setpriv --pdeathsig``).
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: pathlib.Path,
        environ: Mapping[str, str],
        cwd: pathlib.Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environ),
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's own id: setpriv replaces itself by the program."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._child.poll() is None

    def check(self) -> None:
        """Raise ProcessEnded when it has ended."""
        status = self._child.poll()
        if status is not None:
            raise ProcessEnded(self.name, status, self.log)

    def stop(self) -> None:
        """End it and what it started: politely, then not."""
        self._signal(signal.SIGTERM)
        try:
            self._child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._child.wait()
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)


def environment(run: RunFolder, **more: str) -> dict[str, str]:
    """What every process of a run gets: little of ours, the marker, folders of the run to leave things in, and ``more``."""
    keep = {key: os.environ[key] for key in ("LANG", "TERM") if key in os.environ}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    own = {"PATH": path, "HOME": str(run.home), "TMPDIR": str(run.temporary), "PYTHONDONTWRITEBYTECODE": "1"}
    return keep | own | {MARKER: run.name} | more


def marked(run_name: str) -> dict[int, str]:
    """Processes on this machine that carry the run's marker: pid and command line."""
    wanted = f"{MARKER}={run_name}".encode()
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found[int(entry.name)] = line.strip()
    found.pop(os.getpid(), None)
    return found


def end_marked(run_name: str) -> dict[int, str]:
    """Kill what still carries the marker; return what refuses to go within some seconds."""
    for pid in marked(run_name):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + GRACE_S
    while (left := marked(run_name)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left
