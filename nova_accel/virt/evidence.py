"""When is a server done with a handle that it has on this host? Only evidence counts; that something is absent is none.

Pure. A server that Nova does not know, that is in error, or that is in the middle of anything, keeps what it has: its data may be all
that is left of it.
"""

from dataclasses import dataclass

from nova_accel.model import HandleId

# Nova: nova.objects.fields and the migrations' life; whatever is not listed is unfinished.
_FINISHED = frozenset({"confirmed", "reverted", "completed", "cancelled", "done"})


@dataclass(frozen=True)
class MigrationFacts:
    """One migration of a server, resizes and evacuations included."""

    status: str
    source_host: str | None
    destination_host: str | None

    @property
    def is_finished(self) -> bool:
        """Whether it has come to its intended end, one way or the other."""
        return self.status in _FINISHED

    def concerns(self, host: str) -> bool:
        """Whether it is from or to a host."""
        return host in (self.source_host, self.destination_host)


@dataclass(frozen=True)
class ServerFacts:
    """What Nova's database says about one server."""

    deleted: bool
    host: str | None
    """Where it is; None while it is nowhere: offloaded, or never built."""
    vm_state: str
    task_state: str | None
    claimed: frozenset[HandleId]
    """What it has now or, in the middle of a move, had and will have."""
    migrations: tuple[MigrationFacts, ...] = ()


def why_gone(here: str, handle: HandleId, server: ServerFacts | None, *, in_a_domain: bool) -> str | None:
    """The evidence that a server is done with a handle which the ledger gives to it; None while there is none.

    :param here: this host, as Nova names it
    :param server: None when Nova's database does not know it
    :param in_a_domain: whether libvirt has a domain of that server here which is not known to be without the handle
    """
    if server is None or in_a_domain:
        return None
    if server.deleted:
        return "Nova's database says that it was deleted, and it has no domain here"
    if server.task_state is not None or _is_moving(here, server):
        return None
    if server.host is None:
        return _nowhere(server)
    if server.vm_state == "error":
        return None
    if server.host != here:
        return f"it lives on {server.host}, and no migration of it from or to this host is unfinished"
    if handle not in server.claimed:
        return "Nova gave it other devices of this host, and no migration of it is unfinished"
    return None


def _is_moving(here: str, server: ServerFacts) -> bool:
    """A failed one counts too: what it left behind may be the only copy."""
    return any(not one.is_finished for one in server.migrations if one.concerns(here))


def _nowhere(server: ServerFacts) -> str | None:
    if server.vm_state == "shelved_offloaded":
        return "it was shelved and offloaded, and has no domain here"
    if server.vm_state == "error" and not server.migrations:
        return "it was never built: it is on no host and has no domain here"
    return None
