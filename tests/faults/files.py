"""What happens to the ledger's file while nova-compute is down."""

from tests.faults.acts import ledger_from_before, ledger_lost
from tests.faults.cloud import HOST
from tests.faults.world import World

__all__ = ["cut_short", "deleted_wal", "ledger_from_before", "ledger_lost", "no_database", "scribbled_over"]


def scribbled_over(world: World) -> None:
    """Garbage in the middle, as a failing disk leaves it."""
    _settle(world)
    content = bytearray(world.ledger(HOST).read_bytes())
    middle = len(content) // 2
    content[4096:middle] = b"\xa5" * (middle - 4096)
    world.ledger(HOST).write_bytes(content)


def cut_short(world: World) -> None:
    """Half of it is there."""
    _settle(world)
    content = world.ledger(HOST).read_bytes()
    world.ledger(HOST).write_bytes(content[: len(content) // 2])


def no_database(world: World) -> None:
    """Something else altogether."""
    ledger_lost(world)
    world.ledger(HOST).write_text("This is not the file that you are looking for.\n" * 100)


def deleted_wal(world: World) -> None:
    """Somebody tidies up the -wal file of a process that was killed: what was only there is lost."""
    for suffix in ("-wal", "-shm"):
        world.ledger(HOST).with_name(world.ledger(HOST).name + suffix).unlink(missing_ok=True)


def _settle(world: World) -> None:
    world.copy_ledger(HOST)
    ledger_from_before(world)
