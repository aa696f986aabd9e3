"""The first root file systems of L1 and L2: a static busybox, some modules and an init script."""

from __future__ import annotations

import lzma
import pathlib
import shutil
import subprocess
from collections.abc import Sequence

from lab import cpio, kernel, packages

SCRIPTS = pathlib.Path(__file__).parent / "scripts"
L1_MODULES = ("virtio_pci", "virtio_blk", "9pnet_virtio", "9p", "overlay", "ext4", "virtio_net", "virtio_rng")
L2_MODULES = ("nvme", "virtio_pci", "virtio_blk", "nfit", "nd_pmem", "button", "evdev")


def build(script: str, linux: kernel.Kernel, modules: Sequence[str], cache: pathlib.Path) -> bytes:
    """An initramfs that loads ``modules`` and runs lab/scripts/``script`` as init."""
    archive = cpio.Archive()
    for folder in ("proc", "sys", "dev", "mnt"):
        archive.folder(folder)
    archive.character_device("dev/console", 5, 1)
    archive.file("bin/busybox", _busybox(cache).read_bytes(), 0o755)
    archive.link("bin/sh", "busybox")
    order = linux.load_order(modules)
    for path in order:
        archive.file(f"modules/{_plain_name(path)}", _plain(path))
    archive.file("modules/order", "".join(f"{_plain_name(path)}\n" for path in order).encode())
    archive.file("init", (SCRIPTS / script).read_bytes(), 0o755)
    return archive.content()


def _busybox(cache: pathlib.Path) -> pathlib.Path:
    tree = packages.unpacked_exactly(["busybox-static"], cache)
    return next(path for path in (tree / "usr/bin/busybox", tree / "bin/busybox") if path.exists())


def _plain_name(path: pathlib.Path) -> str:
    return path.name.partition(".ko")[0] + ".ko"


def _plain(path: pathlib.Path) -> bytes:
    """A module's content, however the distribution compressed it."""
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".zst":
        zstd = shutil.which("zstd") or "zstd"
        return subprocess.run([zstd, "-dc", str(path)], check=True, capture_output=True).stdout
    return path.read_bytes()
