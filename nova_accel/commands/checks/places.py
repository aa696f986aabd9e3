"""Where files lie that must not be lost: on which kind of file system, and how much room there is."""

import os
from pathlib import Path

from nova_accel.commands.checks.facts import Facts
from nova_accel.parsers import mountinfo

_LOST = frozenset({"tmpfs", "ramfs", "overlay"})
_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "ceph", "fuse.ceph", "fuse.glusterfs", "fuse.sshfs", "gfs2", "ocfs2", "lustre"}
)
ENOUGH_BYTES = 64 * 1024**2


def doubt(facts: Facts, path: Path) -> str:
    """Why a path is no good place: in memory, or another host's; empty when nothing is known against it."""
    kind = _file_system(facts, path)
    if kind in _LOST:
        return f"{path} lies on {kind}, which does not outlive a reboot or a container"
    return f"{path} lies on {kind}, which is not this host's own" if kind in _REMOTE else ""


def in_virtualenv(facts: Facts, path: Path) -> str:
    """That a path lies in what pip installed, as by Nova's own default of ``state_path``; empty when it does not."""
    if not path.resolve().is_relative_to(facts.prefix.resolve()):
        return ""
    return f"{path} lies in the virtualenv {facts.prefix}, which an upgrade may replace"


def lack_of_room(facts: Facts, path: Path) -> str:
    """That its disk is nearly full; empty when it is not."""
    free_bytes = facts.free_bytes(existing(path))
    return f"only {free_bytes // 1024**2} MiB are left where {path} lies" if free_bytes < ENOUGH_BYTES else ""


def existing(path: Path) -> Path:
    """The path, or the nearest folder above that is there."""
    return next(one for one in (path, *path.absolute().parents) if _is_there(one))


def is_writable(path: Path) -> bool:
    """Whether this user may write to a file, or make it with the folders that are missing."""
    found = existing(path)
    if found == path:
        return found.is_file() and os.access(found, os.W_OK, effective_ids=True)
    return found.is_dir() and os.access(found, os.W_OK | os.X_OK, effective_ids=True)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # below a folder that this user may not look into
        return False


def _file_system(facts: Facts, path: Path) -> str:
    """The type of the file system that a path lies on; empty when it cannot be told."""
    mounts = mountinfo.parse(facts.roots.read(facts.roots.proc / "self/mountinfo") or "").records
    above = [one for one in mounts if path.absolute().is_relative_to(one.mount_point)]
    # Of two at one place the one that came later hides the other.
    return max(reversed(above), key=lambda one: len(one.mount_point)).file_system if above else ""
