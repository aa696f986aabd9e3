"""Tools in L1 that do nothing and say they succeeded, or take long: put over the real ones, and taken away."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from lab.machine import Machine

# Everything but the named subcommands goes to the real tool, which is kept beside.
SHAM = """\
#!/bin/sh
case "$1" in
    {silent}) echo "$0 $*" >> /run/sham.log; exit 0 ;;
esac
exec {real} "$@"
"""

# As an SSD that is formatted for minutes; the rest of nvme is as ever.
SLOW = """\
#!/bin/sh
[ "$1" = format ] && sleep {seconds}
exec {real} "$@"
"""


@contextlib.contextmanager
def erasers(machine: Machine) -> Iterator[None]:
    """While this lasts, ``nvme format`` and ``blkdiscard`` in L1 end with 0 and erase nothing."""
    shams = {"nvme": "format|sanitize|write-zeroes|dsm", "blkdiscard": "*"}
    for tool, silent in shams.items():
        _put_over(machine, tool, SHAM.format(silent=silent, real=f"/run/real-{tool}"))
    try:
        yield
    finally:
        for tool in shams:
            _take_away(machine, tool)


@contextlib.contextmanager
def slow_format(machine: Machine, seconds: int) -> Iterator[None]:
    """An ``nvme format`` that begins while this lasts takes so much longer, also when this is over meanwhile."""
    _put_over(machine, "nvme", SLOW.format(seconds=seconds, real="/run/real-nvme"))
    try:
        yield
    finally:
        _take_away(machine, "nvme")


def _put_over(machine: Machine, tool: str, text: str) -> None:
    path = machine.channel.run(f"readlink -f $(command -v {tool})").strip()
    machine.channel.run(
        f"cp {path} /run/real-{tool}; cat > /run/sham-{tool}; chmod 755 /run/sham-{tool}; "
        f"mount --bind /run/sham-{tool} {path}",
        given=text,
    )


def _take_away(machine: Machine, tool: str) -> None:
    # Lazily: one may still run.
    machine.channel.run(f"umount --lazy $(readlink -f $(command -v {tool}))")


def used(machine: Machine) -> list[str]:
    """Command lines that a sham swallowed."""
    return machine.channel.run("cat /run/sham.log 2> /dev/null; true").splitlines()
