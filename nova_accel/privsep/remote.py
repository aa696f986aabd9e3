"""Tells which files lie on this machine: on a dead network file system whoever asks the state of a file waits without an end."""

from pathlib import Path

from nova_accel.privsep import mounts

_REMOTE = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "9p", "virtiofs", "autofs"),
        *("ceph", "lustre", "beegfs", "glusterfs", "gpfs", "orangefs", "pvfs2", "gfs2", "ocfs2"),
    }
)


def is_kind(kind: str) -> bool:
    """Whether a file system of this type asks another machine, or a process that may be as dead."""
    return kind in _REMOTE or kind.startswith("fuse")


def is_path(path: str) -> bool:
    """Whether a path lies on such a file system, or on one that is not known, as this process sees it."""
    above = [mount for mount in mounts.own() if _is_below(path, mount.mount_point)]
    # The kernel lists them in the order in which they were made; each covers what is below it by then.
    return not above or is_kind(above[-1].kind)


def _is_below(path: str, mount_point: str) -> bool:
    return path == mount_point or path.startswith(mount_point.rstrip("/") + "/")


class OpenFiles:
    """Tells it of what processes have open. It is made for one look at all of them and remembers what it has read for that."""

    def __init__(self) -> None:
        self._kinds: dict[int, str] = {}
        self._seen: set[tuple[str, str]] = set()

    def is_local(self, process: Path, mount: int) -> bool:
        """Whether an open file's state can be asked; one whose mount nobody shows, because it was taken away, is not known to be.

        :param mount: number of the mount, as ``fdinfo`` gives it
        """
        if mount not in self._kinds:
            self._read(process)
        kind = self._kinds.get(mount)
        return kind is not None and not is_kind(kind)

    def _read(self, process: Path) -> None:
        space = mounts.space(process)
        if space is None or space in self._seen:
            return
        self._seen.add(space)
        self._kinds |= {mount.identifier: mount.kind for mount in mounts.of(process)}
