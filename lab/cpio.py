"""Archives in cpio's "newc" form, as the Linux kernel takes them for an initramfs."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator

TRAILER = "TRAILER!!!"


class Archive:
    """Collects entries; ``content`` ends the archive."""

    def __init__(self) -> None:
        self._out = io.BytesIO()
        self._numbers = iter(range(1, 1 << 31))
        self._folders: set[str] = set()

    def folder(self, path: str) -> None:
        """Add a folder and those above it, each once."""
        for part in _ancestors(path):
            if part not in self._folders:
                self._folders.add(part)
                self._entry(part, stat.S_IFDIR | 0o755, b"")

    def file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Add a regular file and the folders above it."""
        self.folder(path.rpartition("/")[0])
        self._entry(path, stat.S_IFREG | mode, content)

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self.folder(path.rpartition("/")[0])
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path: str, major: int, minor: int) -> None:
        """Add a character device's node."""
        self.folder(path.rpartition("/")[0])
        self._entry(path, stat.S_IFCHR | 0o600, b"", (major, minor))

    def content(self) -> bytes:
        """The whole archive."""
        self._entry(TRAILER, 0, b"")
        return self._out.getvalue()

    def _entry(self, path: str, mode: int, content: bytes, device: tuple[int, int] = (0, 0)) -> None:
        name = path.encode() + b"\0"
        fields = (next(self._numbers), mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name), 0)
        self._write(b"070701" + "".join(f"{field:08x}" for field in fields).encode() + name)
        self._write(content)

    def _write(self, data: bytes) -> None:
        self._out.write(data + b"\0" * (-len(data) % 4))


def _ancestors(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[: end + 1]) for end in range(len(parts)) if parts[0])
