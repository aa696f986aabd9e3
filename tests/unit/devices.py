"""Real devices for tests. Only root can make them, and some containers do not let even root: the tests say so and are skipped then.

``./run test`` runs them wherever it is root and not so confined.
"""

import contextlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

NEEDS_ROOT = "only root can make a device; ./run test as root shows it"


def require_root() -> None:
    """Skip what nobody else could show."""
    if os.geteuid() != 0:
        pytest.skip(NEEDS_ROOT)


def node(path: Path, major: int, minor: int, kind: int = stat.S_IFCHR) -> Path:
    """A device's node, a character device's unless told otherwise."""
    require_root()
    try:
        os.mknod(path, kind | 0o600, os.makedev(major, minor))
    except PermissionError:
        pytest.skip("this container has no CAP_MKNOD, so no device can be made in it")
    return path


@contextlib.contextmanager
def loop_device(folder: Path) -> Iterator[Path]:
    """A block device of 4 MiB over a file in a folder."""
    require_root()
    image = folder / "image"
    image.write_bytes(bytes(4 * 1024 * 1024))
    with loop_over(image) as disk:
        yield disk


@contextlib.contextmanager
def loop_over(path: Path) -> Iterator[Path]:
    """A loop device over a file or a block device."""
    made = subprocess.run(["losetup", "--find", "--show", str(path)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"this container has no loop device left for {path}: {made.stderr.strip()}")
    loop = Path(made.stdout.strip())
    try:
        yield loop
    finally:
        subprocess.run(["losetup", "-d", str(loop)], check=True)


@contextlib.contextmanager
def small_disk(folder: Path, size_kib: int) -> Iterator[Path]:
    """A file system of its own in a folder."""
    require_root()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "none", str(folder)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"this container does not let even root mount: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def in_mount_namespace(*argv: object) -> Iterator["subprocess.Popen[bytes]"]:
    """A program in a mount namespace of its own that has said ``done`` once it has mounted what it is there for."""
    command = ["unshare", "--mount", *map(str, argv)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != b"done\n":
            process.stdin.close()
            why = process.stderr.read().decode().strip()
            if "Operation not permitted" in why or "permission denied" in why.lower():
                pytest.skip(f"this container does not let even root mount: {why}")
            pytest.fail(f"nothing was mounted: {why}")
        yield process
        process.stdin.close()
