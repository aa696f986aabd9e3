"""Keeps the host's hands off an SSD that was in a guest, until it is clean: also after a reboot, and where nova-compute is dead.

Our udev rule looks whether a file of the SSD's serial number is here. It does so when the SSD comes up on the kernel's nvme driver,
whoever has seen to that.
"""

import os
import re
from pathlib import Path

from nova_accel.privsep.errors import Failed

# udev knows it too. Below /etc, because nothing else is sure to be mounted when udev sees the first disks.
_FOLDER = Path("/etc/nova_accel/held")
# What udev leaves as it is when it puts a serial number into a path, and what can be a file's name.
_PLAIN = re.compile(r"[A-Za-z0-9#+:=@_-][A-Za-z0-9#+.:=@_ -]{0,19}", re.ASCII)
_FOLDER_MODE = 0o755
_FILE_MODE = 0o644


def hold(serial: str) -> None:
    """Have udev leave the SSD alone from now on, durably. A serial number that is no plain word cannot be held.

    :raises Failed: when that is not on disk
    """
    if not _PLAIN.fullmatch(serial):
        return
    try:
        # Not by umask: oslo.privsep's daemons have none.
        _FOLDER.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        os.close(os.open(_FOLDER / serial, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE))
        for folder in (_FOLDER, _FOLDER.parent):
            _sync(folder)
    except OSError as error:
        raise Failed(
            f"{_FOLDER / serial} cannot be made, which keeps udev off a guest's data: {error.strerror}"
        ) from error


def let_go(serial: str) -> None:
    """Let udev look at the SSD again.

    :raises Failed: when that is not possible
    """
    if not _PLAIN.fullmatch(serial):
        return
    try:
        (_FOLDER / serial).unlink(missing_ok=True)
    except OSError as error:
        raise Failed(f"{_FOLDER / serial} cannot be removed: {error.strerror}") from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
