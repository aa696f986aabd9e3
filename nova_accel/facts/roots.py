"""Where the kernel shows itself, and where libvirt keeps what is large; tests put a tree of their own there."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Roots:
    """The folders that facts are read below."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")
    saved: Path = Path("/var/lib/libvirt/qemu/save")
    """Where libvirt puts what it saves of a suspended guest; it has no option for that."""

    def read(self, path: Path) -> str | None:
        """The stripped content of a small file; None when it is not there or cannot be read now."""
        try:
            return path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return None
