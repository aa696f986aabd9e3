"""The other processes of this host, as root's side counts them."""

import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def others() -> Iterator[Path]:
    """The folder in /proc of every process but this one, the oldest numbers first."""
    found = sorted(int(process.name) for process in _PROC.iterdir() if process.name.isdecimal())
    return (_PROC / str(number) for number in found if number != os.getpid())


def is_ours(process: Path) -> bool:
    """Whether this process started it: a tool that works for a call, such as the one that erases."""
    try:
        # The name in brackets may hold anything; state and parent come after the last one.
        parent = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
    except (OSError, IndexError):
        return False
    return parent == str(os.getpid())


def words(process: Path) -> str:
    """A few words that name a process to people."""
    try:
        name = (process / "comm").read_text(errors="replace").strip()
    except OSError:
        name = "a process"
    return f"{name} (process {process.name})"
