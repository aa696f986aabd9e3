"""Opens the ledger that nova-compute made; a command never makes one, nor changes how it is laid out."""

import contextlib
import os
import pwd
import sqlite3
from pathlib import Path

from nova_accel.exception import LedgerError
from nova_accel.ledger import schema
from nova_accel.ledger.file import as_it_lies, in_words
from nova_accel.ledger.store import Ledger

_NONE = "there is none; nova-compute makes it when it starts with enabled_drivers set. If it has, --config-file names another nova.conf"


class NotMadeYet(LedgerError):
    """There is no such file."""

    def __init__(self, path: str) -> None:
        super().__init__(path, _NONE)


class MountedReadOnly(LedgerError):
    """Nobody can write to it, whoever asks."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "its file system is mounted read-only; see the kernel's log")


def open_ledger(path: str) -> Ledger:
    """Open the ledger for reading and writing.

    :raises NotMadeYet: when it is not there
    :raises LedgerError: when it is not of this version, or cannot be written to, by anybody or by this user
    """
    owner = _owner(path)
    if is_mounted_read_only(path):
        raise MountedReadOnly(path)
    _refuse_unless_writable(path, owner)
    _refuse_unless_of_this_version(f"{Path(path).absolute().as_uri()}?mode=rw", path)
    return Ledger(path)


def open_for_reading(path: str) -> Ledger:
    """Open the ledger like :func:`open_ledger`, but also where its file system is mounted read-only.

    :raises LedgerError: when it is not there, not of this version, or this user may not write to it where that is possible
    """
    _owner(path)
    if not is_mounted_read_only(path):
        return open_ledger(path)
    _refuse_unless_of_this_version(as_it_lies(path), path)
    return Ledger(path, open_now=False, read_only=True)


def is_mounted_read_only(path: str | Path) -> bool:
    """Whether nobody can write to what is there, because of its file system."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _owner(path: str) -> int:
    try:
        return Path(path).stat().st_uid
    except FileNotFoundError as error:
        raise NotMadeYet(path) from error
    except OSError as error:
        raise LedgerError(path, f"{error.strerror}; run this as nova-compute's user") from error


def _refuse_unless_writable(path: str, owner: int) -> None:
    file = Path(path)
    # SQLite makes two more files beside it, so the folder counts too.
    if not all(os.access(one, os.R_OK | os.W_OK, effective_ids=True) for one in (file, file.parent)):
        raise LedgerError(path, f"you may not write to it; run this as nova-compute's user, {_name(owner)}")


def _name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


def _refuse_unless_of_this_version(uri: str, path: str) -> None:
    """Ask before opening it as ours: that would bring an older file up to date below a nova-compute which knows only the older one."""
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            application, version = (
                connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
            )
    except sqlite3.Error as error:
        raise LedgerError(path, in_words(path, error)) from error
    if application != schema.APPLICATION_ID:
        raise LedgerError(path, "it is no ledger of nova_accel")
    if version < schema.VERSION:
        raise LedgerError(
            path, f"it has schema {version}, of an older nova_accel; restart nova-compute to bring it up to date"
        )
    if version > schema.VERSION:
        raise LedgerError(
            path,
            f"it has schema {version}, this nova-accel knows {schema.VERSION}; use the one of nova-compute's virtualenv",
        )
