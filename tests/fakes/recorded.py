"""A host made of recordings: what the kernel of the emulated host showed, as a tree of files."""

import re
from collections.abc import Sequence
from pathlib import Path

from nova_accel.facts.roots import Roots

RECORDED = Path(__file__).parents[1] / "data/recorded"
_BLOCK_DEVICE = re.compile(r"/sys/block/([^/]+)/(.*)")
_CONTROLLER = re.compile(r"/sys/class/nvme/([^/]+)/(.*)")


class RecordedHost:
    """Answers what can be answered from recordings; nothing can be changed on it."""

    def __init__(self, root: Path, sysfs_pci: str = "sysfs-pci.txt", lspci: str = "lspci-Dnmm.txt") -> None:
        self.roots = Roots(root / "sys", root / "proc", root / "dev")
        self.asked: list[str] = []
        self._lspci = (RECORDED / lspci).read_text()
        self._root = root
        for name in (sysfs_pci, "sysfs-iommu-groups.txt", "sysfs-nvme.txt", "sysfs-block.txt", "sysfs-holders.txt"):
            self._make(RECORDED / name)
        for recorded, path in (
            ("proc-self-mountinfo.txt", "proc/self/mountinfo"),
            ("proc-swaps.txt", "proc/swaps"),
            ("boot-id.txt", "proc/sys/kernel/random/boot_id"),
        ):
            self._write(path, (RECORDED / recorded).read_text())

    def lspci(self) -> str:
        return self._lspci

    def who_uses(self, addresses: Sequence[str]) -> dict[str, str]:
        self.asked.extend(addresses)
        return {}

    def mounted_elsewhere(self, addresses: Sequence[str]) -> dict[str, str]:
        return {}

    def signatures(self, addresses: Sequence[str]) -> dict[str, list[str]]:
        return {}

    def ndctl(self) -> str:
        return ""

    def namespace_users(self, devs: Sequence[str]) -> dict[str, str]:
        return {}

    def _make(self, recording: Path) -> None:
        lines = [line.split(" ", 2) for line in recording.read_text().splitlines()]
        controllers = {path: text.strip() for kind, path, text in lines if kind == "F" and path.endswith("/address")}
        for kind, path, text in lines:
            for place in self._places(path, controllers):
                if kind == "L":
                    self._link(place, text)
                else:
                    self._write(place, text)

    def _places(self, path: str, controllers: dict[str, str]) -> list[str]:
        """Where a recorded path lies, and where the kernel shows it too."""
        places = [path]
        block = _BLOCK_DEVICE.fullmatch(path)
        if block:
            places.append(f"/sys/class/block/{block[1]}/{block[2]}")
            partition, _, rest = block[2].partition("/")
            if partition.startswith(block[1]):
                places.append(f"/sys/class/block/{partition}/{rest}")
        controller = _CONTROLLER.fullmatch(path)
        address = controllers.get(f"/sys/class/nvme/{controller[1]}/address") if controller else None
        if controller and address:
            places.append(f"/sys/bus/pci/devices/{address}/nvme/{controller[1]}/{controller[2]}")
        return places

    def _write(self, path: str, text: str) -> None:
        file = self._root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.rstrip(" \n") + "\n")

    def _link(self, path: str, target: str) -> None:
        link = self._root / path.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(target)
