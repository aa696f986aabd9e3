"""When is a server done with a handle that it has on this host? Only evidence counts; that something is absent is none.

Pure. A server that Nova does not know, that is in error, or that is in the middle of anything, keeps what it has: its data may be all
that is left of it.
"""

from dataclasses import dataclass

from nova_accel.model import HandleId

# Nova: nova.objects.fields and the migrations' life; whatever is not listed is unfinished.
_FINISHED = frozenset({"confirmed", "reverted", "completed", "cancelled", "done"})
# In these nothing goes on any more, and nobody can go on with it, once its server has no task.
_FAILED_WITHOUT_TASK = frozenset(
    {"error", "failed", "queued", "accepted", "preparing", "pre-migrating", "migrating", "running", "post-migrating"}
)
_FAILED = frozenset({"error", "failed"})
_REVERTED = "reverted"
_LIVE = "live-migration"
_OFFLOADED = "shelved_offloaded"


@dataclass(frozen=True)
class MigrationFacts:
    """One migration of a server, resizes and evacuations included."""

    status: str
    source_host: str | None
    destination_host: str | None
    kind: str = ""
    """Nova's word: ``resize``, ``migration``, ``live-migration`` or ``evacuation``."""

    @property
    def is_finished(self) -> bool:
        """Whether it has come to its intended end, one way or the other."""
        return self.status in _FINISHED

    @property
    def is_undecided(self) -> bool:
        """Whether the server may still be sent back, or confirmed where it is; not while it comes to that, nor once it has failed."""
        return not self.is_finished and self.status not in _FAILED_WITHOUT_TASK

    @property
    def has_failed(self) -> bool:
        """Whether Nova says so."""
        return self.status in _FAILED

    @property
    def came_to_nothing(self) -> bool:
        """Whether it failed before anything was claimed for it: no host was found for it, or it was a live one, which we refuse."""
        return self.has_failed and (self.destination_host is None or self.kind == _LIVE)

    def went_back_to(self, host: str) -> bool:
        """Whether it was reverted to a host; Nova says so before the server is back there."""
        return self.status == _REVERTED and self.source_host == host != self.destination_host

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
    """In the order in which they began."""
    has: frozenset[HandleId] = frozenset()
    """What it has now, whatever a move says of before and after; once it is offloaded, what it had until then."""

    @property
    def is_nowhere(self) -> bool:
        """Whether no host has it; Nova says that it is offloaded before it takes it from its host, and may be cut off there."""
        return self.host is None or self.vm_state == _OFFLOADED


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
    if server.task_state is not None or _is_moving(here, handle, server):
        return None
    if server.is_nowhere:
        return _nowhere(server)
    if server.vm_state == "error":
        return None
    if server.host != here:
        return _elsewhere(here, handle, server)
    if handle not in server.claimed:
        return "Nova gave it other devices of this host, and no migration of it is unfinished"
    return None


def why_not_left(here: str, handle: HandleId, server: ServerFacts | None, *, purged: bool = False) -> str | None:
    """Why a server cannot have left a handle behind on this host, although an operator says so; None if nothing of Nova's is against it.

    What a failed move left is kept for as long as nobody says anything, because it may be the only copy. The operator says that it is not.

    :param purged: whether the operator says too that Nova's database does not know the server any more
    """
    if server is None:
        return (
            None if purged else "Nova's database does not know that server; if it was deleted and purged, add --purged"
        )
    if server.deleted:
        return None
    if server.task_state is not None:
        return f"Nova is doing something with that server ({server.task_state})"
    if server.vm_state == "building":
        return "that server is not built yet"
    # Nova refuses both in any other state, whatever it goes on saying of the migration.
    if server.vm_state == "resized":
        return "that server's move is neither confirmed nor reverted"
    if server.is_nowhere or server.host != here:
        return None
    if handle in server.has:
        return "that server is on this host, and Nova says that it has it"
    if server.vm_state == "error":
        return "that server is on this host and in error; see first, as by a hard reboot, what it goes on with"
    return None


def _is_moving(here: str, handle: HandleId, server: ServerFacts) -> bool:
    """One that was cut counts too, unless the server went on here with what it had: what it left behind may be the only copy."""
    had_it_last = server.is_nowhere and handle in server.has
    then = (*server.migrations[1:], None)
    return any(
        one.concerns(here)
        and not one.came_to_nothing
        and (
            one.is_undecided
            or (_may_be_cut(here, handle, one, after, server) and not (had_it_last or _went_on_here(here, one, after)))
        )
        for one, after in zip(server.migrations, then, strict=False)
    )


def _may_be_cut(
    here: str, handle: HandleId, move: MigrationFacts, after: MigrationFacts | None, server: ServerFacts
) -> bool:
    """Whether a move may have ended in its middle: it failed, or it was reverted to this host, where the server is not.

    It has been back if Nova does not name this any more, and nothing moved it on: unshelving it elsewhere leaves no trace.
    """
    if not move.is_finished:
        return True
    return move.went_back_to(here) and server.host != here and (handle in server.claimed or after is not None)


def _went_on_here(here: str, cut: MigrationFacts, after: MigrationFacts | None) -> bool:
    """Whether the next move began on this host, so that the server was here. Only within a host it may have stayed with other devices."""
    return after is not None and after.source_host == here and cut.source_host != cut.destination_host


def _elsewhere(here: str, handle: HandleId, server: ServerFacts) -> str | None:
    # One that still has this, and that no move has taken from here, is here: this host has got another name.
    if handle in server.has and not any(one.is_finished for one in server.migrations if one.concerns(here)):
        return None
    return f"it lives on {server.host}, and no migration of it from or to this host is unfinished"


def _nowhere(server: ServerFacts) -> str | None:
    if server.vm_state == _OFFLOADED:
        return "it was shelved and offloaded, and has no domain here"
    if server.vm_state == "error" and not server.migrations:
        return "it was never built: it is on no host and has no domain here"
    return None
