"""An SSD that a guest had, on a host made of files, for whoever erases it or reads it back; and who hears how far that is."""

import random
from pathlib import Path
from typing import Any

from nova_accel.cleaning.ssd import SsdEraser
from nova_accel.exception import CleaningFailed
from nova_accel.model import AttachHandle, HandleId, HandleKind
from tests.fakes.host import FakeHost, FakeSsd

MIB = 1024**2
GIB = 1024**3
AT = "0000:01:00.0"
SERIAL = "SN1"
SSD = AttachHandle(HandleId("CUSTOM_SSD", SERIAL), HandleKind.PCI, AT, "1")
SECRETS = {0: b"boot", 5 * MIB: b"secret", 64 * MIB - 3: b"end"}
"""What the guest has left."""
ALL = (
    "sanitize-block",
    "sanitize-crypto",
    "sanitize-overwrite",
    "format",
    "format-crypto",
    "write-zeroes",
    "overwrite",
)
SANITIZES = ALL[:3]
WHOLE = "read as a whole, all zero"


class Heard:
    """Listens to the progress; gives up when it has heard enough."""

    def __init__(self, enough: int = 10**9) -> None:
        self.all: list[tuple[str, int, int]] = []
        self.enough = enough

    def __call__(self, words: str, done_bytes: int, total_bytes: int) -> float:
        assert 0 <= done_bytes <= total_bytes
        self.all.append((words, done_bytes, total_bytes))
        if len(self.all) > self.enough:
            raise CleaningFailed(SERIAL, "there is no time left")
        return 1800.0

    def words(self) -> list[str]:
        return list(dict.fromkeys(words for words, _, _ in self.all))


class UsedSsd:
    """Makes a host with one SSD that a guest had, its eraser and a listener; how long the eraser slept is in ``naps``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.naps: list[float] = []

    def __call__(
        self, *methods: str, verify: str = "whole", heard: Heard | None = None, **of_ssd: Any
    ) -> tuple[FakeHost, SsdEraser, Heard]:
        fields = {"content": dict(SECRETS), "bound_to": "vfio-pci", "override": "vfio-pci"} | of_ssd
        host = FakeHost(self.folder / "host", [FakeSsd(AT, SERIAL, **fields)])
        return host, self.eraser(host, *methods, verify=verify), heard or Heard()

    def eraser(self, host: FakeHost, *methods: str, verify: str = "whole") -> SsdEraser:
        return SsdEraser(host, methods or ALL, verify, self.naps.append, random.Random(1))


def did(host: FakeHost) -> list[tuple[str, ...]]:
    """What was done to the SSD, a call that repeats itself once."""
    names = [(call[0], *call[3:]) for call in host.calls if call[0] in ("erase", "zero", "sanitize")]
    return list(dict.fromkeys(names))
