"""Whether the ledger is where it has to be, and whole."""

import contextlib
import sqlite3
from pathlib import Path

from nova_accel.commands import existing
from nova_accel.commands.checks.facts import Facts
from nova_accel.commands.checks.result import Result, failure, ok
from nova_accel.exception import LedgerError

_LOST = frozenset({"tmpfs", "ramfs", "overlay"})
_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "ceph", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "gfs2", "ocfs2", "lustre"}
)


def usable(facts: Facts) -> Result:
    """It can be opened, is whole and lies on a disk of this host."""
    path = facts.configured.settings.ledger_path
    try:
        entries = existing.open_ledger(path).entries()
    except LedgerError as error:
        return failure(
            str(error), "Without it nothing is given away: correct ledger_path, or start nova-compute as its user once."
        )
    damage = _damage(path)
    if damage:
        return failure(f"{path} is damaged: {damage}", "Stop nova-compute and bring the file back from a backup.")
    kind = _file_system(facts, Path(path))
    if kind in _LOST | _REMOTE:
        why = "does not outlive a reboot or a container" if kind in _LOST else "is not this host's own"
        return failure(
            f"{path} lies on {kind}, which {why}", "Stop nova-compute, move it to a local disk and set ledger_path."
        )
    return ok(f"{len(entries)} handles in {path}")


def _damage(path: str) -> str:
    """What SQLite finds wrong in it; empty when nothing is."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else found


def _file_system(facts: Facts, path: Path) -> str:
    """The type of the file system that a path lies on; empty when it cannot be told."""
    found = ("", "")
    for line in (facts.roots.read(facts.roots.proc / "self/mountinfo") or "").splitlines():
        fields = line.split(" ")
        if "-" not in fields[6:-1]:
            continue
        mount_point = fields[4]
        if path.absolute().is_relative_to(mount_point) and len(mount_point) >= len(found[0]):
            found = (mount_point, fields[fields.index("-", 6) + 1])
    return found[1]
