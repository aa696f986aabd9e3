"""Where the kernel shows itself; tests put a tree of their own there."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Roots:
    """The folders that everything in this package reads below."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")

    def read(self, path: Path) -> str | None:
        """The stripped content of a small file; None when it is not there or cannot be read now."""
        try:
            return path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return None
