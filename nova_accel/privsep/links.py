"""Makes the path of a PMEM namespace that stays when the kernel numbers its devices anew: ``/dev/nova_accel/<uuid>``.

It is what a guest's XML names, and so what libvirt stores. /dev is empty at each boot of the host, so the path leads nowhere until it is
made here again, by identity. One that leads to anything else than its own namespace is taken away.
"""

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from nova_accel.privsep import acting_pctxt, namespace, sysfs
from nova_accel.privsep.errors import Failed, Refused

_SYS = Path("/sys")
_DEV = Path("/dev")
_FOLDER = "nova_accel"
_NEW = ".new"
# Given where it is made: the umask of oslo.privsep's daemons keeps nobody out.
_FOLDER_MODE = 0o755

_LINK_TIMEOUT_S = 60.0

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def path_of(uuid: str) -> str:
    """The stable path of the namespace with this label uuid, whether or not it is there."""
    return f"/dev/{_FOLDER}/{uuid}"


@acting_pctxt.entrypoint_with_timeout(_LINK_TIMEOUT_S)
def link_namespace(dev: str, uuid: str) -> str:
    """Let the namespace's stable path lead to its dax device, and return it. Paths that lead to another namespace go.

    A guest that runs is not touched by that: it opened its device when it started.

    :param dev: the namespace's name now, such as ``namespace0.1``
    :param uuid: of the namespace's label
    :raises Refused: when it is not this namespace, in devdax mode and enabled, or /dev/nova_accel is not root's alone
    :raises Failed: when the path could not be made, or another namespace is there afterwards
    """
    with _folder() as folder:
        try:
            _take_away_wrong_ones(folder)
            device = namespace.find(_SYS, dev, uuid)
            _expect_node(device)
            _lead(folder, device)
        except OSError as error:
            raise Failed(f"the stable path of {str(dev)[:40]} cannot be made: {error.strerror}") from error
    return path_of(device.uuid)


@contextlib.contextmanager
def _folder() -> Iterator[int]:
    """A descriptor of the folder, made if need be and held alone: another nova-compute or command waits."""
    descriptor = _open()
    try:
        _expect_roots_alone(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _open() -> int:
    path = _DEV / _FOLDER
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=_FOLDER_MODE)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"/dev/{_FOLDER} is no folder that can be used: {error.strerror}") from error
    return descriptor


def _expect_roots_alone(folder: int) -> None:
    state = os.fstat(folder)
    if state.st_uid != os.geteuid() or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused(f"/dev/{_FOLDER} may be written by others than root; remove it, it is made again")
    os.fchmod(folder, _FOLDER_MODE)  # mkdir heeds the umask


def _take_away_wrong_ones(folder: int) -> None:
    right = _all_there_should_be()
    for name in os.listdir(folder):
        target = _target(folder, name)
        if target is not None and (name, target) not in right:
            os.unlink(name, dir_fd=folder)


def _all_there_should_be() -> set[tuple[str, str]]:
    """Name and target of the links of all namespaces that have a dax device."""
    right = set()
    for entry in sysfs.children(_SYS / "bus/nd/devices"):
        uuid = sysfs.attribute(entry / "uuid")
        if uuid:
            with contextlib.suppress(Refused):
                right.add((uuid, _leading_to(namespace.find(_SYS, entry.name, uuid))))
    return right


def _target(folder: int, name: str) -> str | None:
    """Where a link leads; None when it is none."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return None


def _leading_to(device: namespace.DaxDevice) -> str:
    return f"../{device.name}"


def _lead(folder: int, device: namespace.DaxDevice) -> None:
    if _UUID.fullmatch(device.uuid) is None:
        raise Refused(f"{device.uuid[:40]!r} of {device.namespace} is no uuid")
    if _target(folder, device.uuid) != _leading_to(device):
        os.symlink(_leading_to(device), _NEW, dir_fd=folder)
        os.rename(_NEW, device.uuid, src_dir_fd=folder, dst_dir_fd=folder)
    if not _is_still(device):
        os.unlink(device.uuid, dir_fd=folder)
        raise Failed(f"{device.namespace} was disabled or made again meanwhile")


def _is_still(device: namespace.DaxDevice) -> bool:
    try:
        return namespace.find(_SYS, device.namespace, device.uuid) == device
    except Refused:
        return False


def _expect_node(device: namespace.DaxDevice) -> None:
    state = (_DEV / device.name).lstat()
    if not stat.S_ISCHR(state.st_mode) or state.st_rdev != device.number:
        raise Refused(f"/dev/{device.name} is not the dax device of {device.namespace}")
