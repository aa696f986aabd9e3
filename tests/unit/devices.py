"""Real devices for tests that run as root."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def loop_device(folder: Path) -> Iterator[Path]:
    """A block device of 4 MiB over a file in a folder."""
    image = folder / "image"
    image.write_bytes(bytes(4 * 1024 * 1024))
    made = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no loop device can be made here: {made.stderr.strip()}")
    disk = Path(made.stdout.strip())
    try:
        yield disk
    finally:
        subprocess.run(["losetup", "-d", str(disk)], check=True)
