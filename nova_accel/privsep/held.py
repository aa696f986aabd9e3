"""Keeps the host's hands off an SSD that was in a guest, until it is clean: also after a reboot, and where nova-compute is dead.

Our udev rule looks whether a file of the SSD's serial number is here. It does so when the SSD comes up on the kernel's nvme driver,
whoever has seen to that.
"""

import contextlib
import os
import re
from pathlib import Path

from oslo_log import log as logging

from nova_accel.privsep.errors import Failed

LOG = logging.getLogger(__name__)

# udev knows it too. Below /etc, because nothing else is sure to be mounted when udev sees the first disks.
_FOLDER = Path("/etc/nova_accel/held")
# As udev puts a serial number into a path: any white space becomes a space, and what is not among these an underscore.
_SPACE = re.compile(r"[\t\n\v\f\r]", re.ASCII)
_OTHER = re.compile(r"(?!\\x)[^A-Za-z0-9#+.:=@_/ $%?,-]", re.ASCII)
_TRAILING = " \t\n\r"
_LONGEST = 20
_FOLDER_MODE = 0o755
_FILE_MODE = 0o644

_TOLD: set[str] = set()


def hold(serial: str) -> None:
    """Have udev leave the SSD alone from now on, durably.

    :param serial: as sysfs shows it, with the spaces before it, which udev does not cut off
    :raises Failed: when that is not on disk
    """
    path = _path(serial)
    if path is None:
        _tell_once(serial)
        return
    try:
        # Not by umask: oslo.privsep's daemons have none. In a serial number a slash is one for udev, too.
        for folder in reversed(_folders(path)):
            folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE))
        for folder in (*_folders(path), _FOLDER.parent):
            _sync(folder)
    except OSError as error:
        raise Failed(f"{path} cannot be made, which keeps udev off a guest's data: {error.strerror}") from error


def let_go(serial: str) -> None:
    """Let udev look at the SSD again.

    :raises Failed: when that is not possible
    """
    path = _path(serial)
    if path is None:
        return
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        return
    except OSError as error:
        raise Failed(f"{path} cannot be removed: {error.strerror}") from error
    with contextlib.suppress(OSError):  # another one's file is in it
        for folder in _folders(path)[:-1]:
            folder.rmdir()


def _path(serial: str) -> Path | None:
    """The file that our udev rule looks for; None where that cannot be told, or would lie elsewhere."""
    kept = serial.rstrip(_TRAILING)
    name = _OTHER.sub("_", _SPACE.sub(" ", kept))
    parts = [part for part in name.split("/") if part]
    if not parts or not kept.isascii() or len(kept) > _LONGEST or name.endswith("/") or {".", ".."} & set(parts):
        return None
    return _FOLDER.joinpath(*parts)


def _folders(path: Path) -> list[Path]:
    """The folders that a file lies in, up to ours."""
    return [folder for folder in path.parents if folder.is_relative_to(_FOLDER)]


def _tell_once(serial: str) -> None:
    if serial not in _TOLD:
        _TOLD.add(serial)
        LOG.warning(
            "The SSD with serial number %r cannot be kept from udev after a reboot of the host: no file can be named like it",
            serial,
        )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
