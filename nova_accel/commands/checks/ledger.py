"""Whether the ledger is where it has to be, and whole."""

import contextlib
import sqlite3
from pathlib import Path

from nova_accel.commands import existing
from nova_accel.commands.checks import places
from nova_accel.commands.checks.facts import Facts
from nova_accel.commands.checks.result import Result, failure, ok, warning
from nova_accel.exception import LedgerError


def usable(facts: Facts) -> Result:
    """It can be opened, is whole and lies on a disk of this host."""
    path = facts.configured.settings.ledger_path
    try:
        entries = existing.open_ledger(path).entries()
    except existing.MountedReadOnly as error:
        return failure(
            str(error), "Mount it read-write: until then nothing is offered, and no server with a device starts."
        )
    except LedgerError as error:
        return failure(
            str(error), "Without it nothing is given away: correct ledger_path, or start nova-compute as its user once."
        )
    damage = _damage(path)
    if damage:
        return failure(
            f"{path} is damaged: {damage}", "Restart nova-compute: it moves the file aside and begins a new one."
        )
    bad = places.doubt(facts, Path(path))
    if bad:
        return failure(bad, "Stop nova-compute, move it to a local disk and set ledger_path.")
    passing = places.in_virtualenv(facts, Path(path))
    if passing:
        return warning(
            passing, "Stop nova-compute, move it, and set [DEFAULT] state_path = /var/lib/nova, or ledger_path."
        )
    full = places.lack_of_room(facts, Path(path))
    if full:
        return warning(
            full, "Make room: while it cannot be written nothing is offered, and no server with a device starts."
        )
    return ok(f"{len(entries)} handles in {path}")


def _damage(path: str) -> str:
    """What SQLite finds wrong in it; empty when nothing is."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except (sqlite3.Error, UnicodeError) as error:  # what SQLite quotes need not be text
        return str(error)
    return "" if found == "ok" else found
