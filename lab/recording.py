"""One command whose output is kept as test data, and how a part of sysfs is written down."""

from __future__ import annotations

import dataclasses
import sys

from lab import initramfs


@dataclasses.dataclass(frozen=True)
class Recording:
    """One command whose output is kept."""

    file: str
    command: str
    shown: str = ""

    @property
    def title(self) -> str:
        """What the table shows for the command."""
        return self.shown or self.command


def tree(roots: str, depth: int, *names: str) -> str:
    """The command that prints a part of sysfs: see ``scripts/tree.py``."""
    wanted = ",".join(names) or "*"
    return f"{sys.base_prefix}/bin/python3 -I -S {initramfs.SCRIPTS}/tree.py {depth} '{wanted}' {roots}"
