"""Runs one tool with a fixed command line and a time limit that holds whatever the tool does."""

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from nova_accel.privsep.errors import Failed, Lost

_PR_SET_NO_NEW_PRIVS = 38
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_OUTPUT_LIMIT_CHARS = 16 * 1024 * 1024
_AFTER_KILL_S = 2.0


@dataclass(frozen=True)
class Printed:
    """What a tool that ended well printed, undecodable bytes replaced."""

    out: str
    err: str


def run(argv: Sequence[str], timeout_s: float) -> str:
    """Run ``argv`` like :func:`run_with` and return its standard output."""
    return run_with((), argv, timeout_s).out


def run_with(descriptors: Sequence[int], argv: Sequence[str], timeout_s: float) -> Printed:
    """Run ``argv``, which gets these open files under the same numbers.

    :raises Failed: when the tool is missing, ends with a status other than 0, prints more than 16 Mi characters or is not done
        after ``timeout_s`` seconds. It is then killed together with what it started.
    :raises Lost: when that does not end it: the kernel waits for a device, and whoever asks next would wait too. It is left.
    """
    _keep_capabilities_small()
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_ENVIRONMENT,
            cwd="/",
            pass_fds=descriptors,
            start_new_session=True,
        )
    except OSError as error:
        raise Failed(f"{argv[0]} cannot be started: {error.strerror}") from error
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        if not _kill(process):
            raise Lost(f"{' '.join(argv)} was not done after {timeout_s:g} s and could not be killed") from None
        raise Failed(f"{' '.join(argv)} was not done after {timeout_s:g} s and was killed") from None
    if process.returncode < 0:
        raise Failed(f"{' '.join(argv)} was ended by {signal.Signals(-process.returncode).name}")
    if process.returncode != 0:
        raise Failed(f"{' '.join(argv)} ended with status {process.returncode}: {_last_line(err) or _last_line(out)}")
    if len(out) > _OUTPUT_LIMIT_CHARS:
        raise Failed(f"{' '.join(argv)} printed {len(out)} bytes, more than anyone would read")
    return Printed(out.decode("utf-8", errors="replace"), err.decode("utf-8", errors="replace"))


def _kill(process: "subprocess.Popen[bytes]") -> bool:
    """Kill the tool and what it started; say whether it is gone. What left its session may still hold its output."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=_AFTER_KILL_S)
    return process.poll() is not None


def _keep_capabilities_small() -> None:
    # A program that uid 0 starts would get every capability back; with no_new_privs it gets no more than this thread has.
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise Failed("the kernel does not know no_new_privs")


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", errors="replace").strip().split("\n")
    return lines[-1][:300]
