"""Has L1's nova-compute kill itself, by SIGKILL and once: before a call to root's side, in the middle of it or after it.

What a fake cannot show happens in the middle: nova-compute is gone, and root's side goes on with the hardware all the same.
"""

from __future__ import annotations

import functools
import inspect
import os
import pathlib
import signal
import threading
import time
from collections.abc import Callable
from typing import NoReturn, ParamSpec, TypeVar

from nova_accel import host
from nova_accel.ledger.store import Ledger

P = ParamSpec("P")
R = TypeVar("R")

FILE = pathlib.Path("/run/nova_accel_lab/dies")
"""In L1: where it shall die, as ``before erase``. It is gone before the process is. Without its folder nova-compute has no traps at all."""
SPRUNG = "killed here:"
CAME_BACK = "which had come back"

BEFORE, MIDDLE, AFTER = "before", "in the middle of", "after"

TRANSITIONS = {
    "available, claim": ("claim",),
    "assigned, release": ("release", "release_one"),
    "dirty, clean": ("start_cleaning",),
    "cleaning, cleaned": ("cleaned",),
}
"""The ledger's transitions in a server's life and after it, and the ledger's methods that bring them about."""

TOOLS = {
    "erase": (b"nvme", b"format"),
    "zero": (b"blkdiscard", b"--zeroout"),
    "zero_namespace": (b"daxio", b"--zero"),
}
"""Words of the tool's command line by which it is known that root's side has begun; for the others the kernel's driver tells."""

_POLL_S = 0.002
_PCI = pathlib.Path("/sys/bus/pci/devices")


def set_up() -> None:
    """Put a trap around each call to root's side, and around the ledger's transitions. Before the compute driver is loaded."""
    host.LocalHost = TrappedHost  # type: ignore[misc]
    for transition, methods in TRANSITIONS.items():
        for method in methods:
            setattr(Ledger, method, trapped(transition, getattr(Ledger, method)))


class TrappedHost(host.LocalHost):
    """The machine, each of its calls with a trap."""

    def __init__(self) -> None:
        super().__init__()
        for name in (name for name, _ in inspect.getmembers(host.Host, inspect.isfunction) if name[0] != "_"):
            setattr(self, name, trapped(name, getattr(self, name)))


def trapped(what: str, call: Callable[P, R]) -> Callable[P, R]:
    """``call``, which ends the process where the file says so."""

    @functools.wraps(call)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        when = _armed(what)
        if when == BEFORE:
            _die(f"{BEFORE} {what}")
        if when == MIDDLE:
            begun = _sign(what, str(args[0]))
            threading.Thread(target=_die_once, args=(begun, f"{MIDDLE} {what}"), daemon=True).start()
        answer = call(*args, **kwargs)
        if when == MIDDLE:
            _die(f"{MIDDLE} {what}, {CAME_BACK}")
        if when == AFTER:
            _die(f"{AFTER} {what}")
        return answer

    return guarded


def _armed(what: str) -> str | None:
    try:
        text = FILE.read_text().strip()
    except OSError:
        return None
    return next((when for when in (BEFORE, MIDDLE, AFTER) if text == f"{when} {what}"), None)


def _die_once(begun: Callable[[], bool], where: str) -> None:
    while not begun():
        time.sleep(_POLL_S)
    _die(where)


def _die(where: str) -> NoReturn:
    FILE.unlink(missing_ok=True)
    os.write(2, f"{SPRUNG} {where}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nothing comes after SIGKILL")


def _sign(what: str, address: str) -> Callable[[], bool]:
    """By what is seen that root's side has begun with it, from now on."""
    if what in TOOLS:
        return functools.partial(_runs, TOOLS[what], _processes())
    before = _kernel_driver(address)
    return lambda: _kernel_driver(address) != before


def _kernel_driver(address: str) -> str | None:
    try:
        return (_PCI / address / "driver").readlink().name
    except OSError:
        return None


def _processes() -> frozenset[str]:
    return frozenset(one.name for one in pathlib.Path("/proc").iterdir() if one.name.isdigit())


def _runs(words: tuple[bytes, ...], older: frozenset[str]) -> bool:
    return any(all(word in _command_line(pid) for word in words) for pid in _processes() - older)


def _command_line(pid: str) -> bytes:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
