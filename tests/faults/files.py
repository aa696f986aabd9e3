"""What happens to the files of a cloud while nova-compute is down, above all to the ledger's."""

import shutil

from tests.faults.cloud import HOST
from tests.faults.world import World


def nothing(_: World) -> None:
    """The files stay as they are."""


def ledger_lost(world: World) -> None:
    """Somebody deletes it, or its disk is replaced."""
    for suffix in ("", "-wal", "-shm"):
        world.ledger(HOST).with_name(world.ledger(HOST).name + suffix).unlink(missing_ok=True)


def ledger_from_before(world: World) -> None:
    """Somebody restores a copy that is older than the servers."""
    ledger_lost(world)
    world.ledger(HOST).write_bytes(world.ledger_copy(HOST).read_bytes())


def folder_from_before(world: World) -> None:
    """The whole folder is restored, so that nothing tells that it is older."""
    ledger_from_before(world)
    world.beside_ledger(HOST).unlink()
    if world.beside_copy(HOST).exists():
        shutil.copy(world.beside_copy(HOST), world.beside_ledger(HOST))


def folder_from_before_and_no_domain(world: World) -> None:
    """And libvirt has forgotten its domains, so that Nova alone knows whose the devices are."""
    folder_from_before(world)
    domains_forgotten(world)


def claims_are_missing(world: World) -> None:
    """What is beside the ledger says that it is an older copy."""
    beside = world.beside_ledger(HOST)
    beside.write_text(f"{int(beside.read_text()) + 1}\n")


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


def domains_forgotten(world: World) -> None:
    """Somebody undefines them, or the disk with their XML is replaced."""
    world.domains(HOST).unlink()
