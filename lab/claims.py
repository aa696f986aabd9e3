"""What Nova's own database says a server has: its claimed resources, and those of a move under way."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3

from lab.folders import RunFolder


@dataclasses.dataclass(frozen=True)
class Claim:
    """A server's ``instance.resources``."""

    identities: frozenset[str]
    moving: bool
    """Whether there is a migration context."""


def read(run: RunFolder, server: str) -> Claim:
    """What is claimed for a server; nothing for one that Nova does not know."""
    asked = "SELECT resources, migration_context FROM instance_extra WHERE instance_uuid = ? AND deleted = 0"
    with contextlib.closing(sqlite3.connect(f"file:{run.databases}/nova.sqlite?mode=ro", uri=True, timeout=60)) as nova:
        row = nova.execute(asked, (server,)).fetchone()
    resources, migration = row or (None, None)
    listed = json.loads(resources)["nova_object.data"]["objects"] if resources else []
    return Claim(frozenset(one["nova_object.data"]["identifier"] for one in listed), migration is not None)
