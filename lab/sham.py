"""Tools in L1 that say they succeeded and did nothing: put over the real ones, and taken away."""

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


@contextlib.contextmanager
def erasers(machine: Machine) -> Iterator[None]:
    """While this lasts, ``nvme format`` and ``blkdiscard`` in L1 end with 0 and erase nothing."""
    shams = {"nvme": "format|sanitize|write-zeroes|dsm", "blkdiscard": "*"}
    for tool, silent in shams.items():
        path = machine.channel.run(f"readlink -f $(command -v {tool})").strip()
        text = SHAM.format(silent=silent, real=f"/run/real-{tool}")
        machine.channel.run(
            f"cp {path} /run/real-{tool}; cat > /run/sham-{tool}; chmod 755 /run/sham-{tool}; "
            f"mount --bind /run/sham-{tool} {path}",
            given=text,
        )
    try:
        yield
    finally:
        for tool in shams:
            machine.channel.run(f"umount $(readlink -f $(command -v {tool}))")


def used(machine: Machine) -> list[str]:
    """Command lines that a sham swallowed."""
    return machine.channel.run("cat /run/sham.log 2> /dev/null; true").splitlines()
