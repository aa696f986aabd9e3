"""Whether the ledger is where it has to be, and whole."""

import contextlib
import sqlite3
from pathlib import Path

from nova_accel.commands import existing
from nova_accel.commands.checks import places
from nova_accel.commands.checks.facts import Facts
from nova_accel.commands.checks.result import Result, failure, ok, warning
from nova_accel.exception import LedgerError

_ROOM = "Make room: while it cannot be written nothing is offered, and no server with a device starts."


def usable(facts: Facts) -> Result:
    """It can be opened, is whole and lies on a disk of this host."""
    path = facts.configured.settings.ledger_path
    try:
        entries = existing.open_ledger(path).entries()
    except existing.NotMadeYet as error:
        return _place_for_one(facts, Path(path), str(error))
    except existing.MountedReadOnly as error:
        return failure(
            str(error), "Mount it read-write: until then nothing is offered, and no server with a device starts."
        )
    except LedgerError as error:
        if places.lack_of_room(facts, Path(path)):
            return failure(str(error), _ROOM)
        return failure(
            str(error), "Without it nothing is given away: correct ledger_path, or start nova-compute as its user once."
        )
    damage = _damage(path)
    if damage:
        return failure(
            f"{path} is damaged: {damage}", "Restart nova-compute: it moves the file aside and begins a new one."
        )
    return _badly_placed(facts, Path(path)) or ok(f"{len(entries)} handles in {path}")


def _place_for_one(facts: Facts, path: Path, none: str) -> Result:
    """Whether nova-compute can make one that lasts; to move it later would mean to stop nova-compute."""
    if not places.is_writable(path):
        return failure(
            f"{path} cannot be made by this user",
            "Run this as nova-compute's user; if you did, let it write there, or set ledger_path.",
        )
    return _badly_placed(facts, path) or warning(
        none, "Start nova-compute; if it has run here before, see why it is gone."
    )


def _badly_placed(facts: Facts, path: Path) -> Result | None:
    bad = places.doubt(facts, path)
    if bad:
        return failure(bad, "Stop nova-compute, move it to a local disk and set ledger_path.")
    passing = places.in_virtualenv(facts, path)
    if passing:
        return warning(
            passing, "Stop nova-compute, move it, and set [DEFAULT] state_path = /var/lib/nova, or ledger_path."
        )
    full = places.lack_of_room(facts, path)
    return warning(full, _ROOM) if full else None


def _damage(path: str) -> str:
    """What SQLite finds wrong in it; empty when nothing is."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except (sqlite3.Error, UnicodeError) as error:  # what SQLite quotes need not be text
        return str(error)
    return "" if found == "ok" else found
