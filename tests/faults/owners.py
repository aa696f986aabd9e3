"""Whose a device is, read from the file of Nova's database: by nothing of nova_accel's, whose own word is what is tried."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.faults.world import World

_OVER = frozenset({"confirmed"})
"""How a move ends so that what was before is not needed. Of one that is reverted Nova forgets what was before once the server is back."""

_SERVERS = (
    "SELECT uuid, host, vm_state, task_state, resources, migration_context"
    " FROM instances JOIN instance_extra ON instance_uuid = uuid WHERE instances.deleted = 0"
)
_MOVES = "SELECT id, source_compute, status FROM migrations WHERE deleted = 0"


@dataclass(frozen=True)
class Owner:
    """A server that is there, and has a device or may need it again."""

    server: str
    vm_state: str
    task_state: str | None

    @property
    def is_rebuilt(self) -> bool:
        """Whether Nova was told to throw its content away, and that is going on."""
        return (self.task_state or "").startswith("rebuild")


def owners(world: World, host: str) -> dict[str, Owner]:
    """Whose the devices of a host are, by their identities. Not of a server that is being deleted, or was never built."""
    return {
        identity: Owner(server, vm_state, task_state)
        for server, there, vm_state, task_state, has, move in _rows(world, _SERVERS)
        if task_state != "deleting" and vm_state != "building"
        for identity in (*(_identities(has) if there == host else ()), *_left_by(world, host, move))
    }


def _left_by(world: World, host: str, move: str | None) -> Iterator[str]:
    """What a server had on a host before a move from it that has not come to its end."""
    context = json.loads(move)["nova_object.data"] if move else {}
    for number, source, status in _rows(world, _MOVES):
        if number == context.get("migration_id") and source == host and status not in _OVER:
            yield from _identities(json.dumps(context.get("old_resources")))


def _rows(world: World, query: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(f"file:{world.cell()}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def _identities(resources: str | None) -> list[str]:
    """The identities within a list of resources as Nova writes it."""
    written = json.loads(resources or "null")
    return [one["nova_object.data"]["identifier"] for one in written["nova_object.data"]["objects"]] if written else []
