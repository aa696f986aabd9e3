"""A host made of recordings: what the kernel of the emulated host showed, as a tree of files."""

import copy
import csv
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nova_accel.facts.roots import Roots

DATA = Path(__file__).parents[1] / "data"
RECORDED = DATA / "recorded"
_BLOCK_DEVICE = re.compile(r"/sys/block/([^/]+)/(.*)")
_CONTROLLER = re.compile(r"/sys/class/nvme/([^/]+)/(.*)")


# What there is of these becomes a part of the tree.
_SYSFS = (
    "sysfs-iommu-groups.txt",
    "sysfs-nvme.txt",
    "sysfs-block.txt",
    "sysfs-holders.txt",
    "sysfs-pci-reset.txt",
    "sysfs-dm.txt",
    "sysfs-pmem-block.txt",
    "sysfs-nd.txt",
    "sysfs-dax.txt",
)


@dataclass(frozen=True)
class Shape:
    """What one SSD or namespace of the emulated host is: a line of shapes.tsv."""

    kind: str
    name: str
    identity: str
    address: str
    device: str
    shape: str


def shapes(folder: str) -> dict[str, Shape]:
    """The SSDs and namespaces of a folder's host, by their addresses; an SSD and a namespace may have one name in the scenario."""
    rows = csv.DictReader((RECORDED / folder / "shapes.tsv").read_text().splitlines(), delimiter="\t")
    return {row["address"]: Shape(**row) for row in rows}


class RecordedHost:
    """Answers what can be answered from recordings; nothing can be changed on it.

    :param folders: below the recordings' own, of one boot; a file is taken from the first that has it. ``("verdicts", "pmem")`` is a
        host with everything, see the file shapes.tsv there
    """

    def __init__(
        self,
        root: Path,
        sysfs_pci: str = "sysfs-pci.txt",
        lspci: str = "lspci-Dnmm.txt",
        folders: Sequence[str] = ("",),
        mountinfo: str = "proc-self-mountinfo.txt",
        ndctl: str = "ndctl-list-NRDvi.json",
    ) -> None:
        self.roots = Roots(root / "sys", root / "proc", root / "dev")
        self.asked: list[str] = []
        self._folders = [RECORDED / folder for folder in folders]
        self._lspci = self._recorded(lspci)
        self._ndctl = self._recorded(ndctl)
        self._answers: dict[str, dict[str, Any]] = json.loads(self._recorded("root-side.json") or "{}")
        self._root = root
        self._copied_to: Path | None = None
        for name in (sysfs_pci, *_SYSFS):
            self._make(self._recorded(name))
        for recorded, path in (
            (mountinfo, "proc/self/mountinfo"),
            ("proc-swaps.txt", "proc/swaps"),
            ("boot-id.txt", "proc/sys/kernel/random/boot_id"),
        ):
            self._write(path, self._recorded(recorded))

    def copied(self, root: Path) -> "RecordedHost":
        """The same host once more, to be edited: what is edited there does not show here."""
        other = copy.copy(self)
        other.asked = []
        other._answers = copy.deepcopy(self._answers)
        other._copied_to = root
        return other

    def _edited(self, path: str) -> Path:
        """A path below what is this host's alone from now on."""
        if self._copied_to is not None:
            shutil.copytree(self._root, self._copied_to, symlinks=True, copy_function=os.link)
            self._root, self._copied_to = self._copied_to, None
            self.roots = Roots(self._root / "sys", self._root / "proc", self._root / "dev")
        return self._root / path.lstrip("/")

    def edit_file(self, path: str, text: str) -> None:
        """Let a file of the kernel, named by its whole path, say something else."""
        file = self._edited(path)
        file.unlink(missing_ok=True)
        file.write_text(text + "\n")

    def edit_remove(self, path: str) -> None:
        """Take away a file or a folder of the kernel's."""
        gone = self._edited(path)
        if gone.is_dir():
            shutil.rmtree(gone)
        else:
            gone.unlink()

    def edit_move(self, path: str, to: str) -> None:
        """Call a file or a folder of the kernel's something else."""
        self._edited(path).rename(self._edited(to))

    def edit_answer(self, call: str, name: str, answer: object) -> None:
        """Let root's side say something else about one device; None for nothing."""
        self._answers.setdefault(call, {})[name] = answer
        if answer is None:
            del self._answers[call][name]

    def edit_lspci(self, edit: Callable[[str], str]) -> None:
        """Let lspci print something else."""
        self._lspci = edit(self._lspci)

    def edit_ndctl(self, edit: Callable[[str], str]) -> None:
        """Let ndctl print something else."""
        self._ndctl = edit(self._ndctl)

    def lspci(self) -> str:
        return self._lspci

    def who_uses(self, addresses: Sequence[str]) -> dict[str, str]:
        self.asked.extend(addresses)
        return self._answered("who_uses", addresses)

    def mounted_elsewhere(self, addresses: Sequence[str]) -> dict[str, str]:
        return self._answered("mounted_elsewhere", addresses)

    def signatures(self, addresses: Sequence[str]) -> dict[str, list[str]]:
        return self._answered("signatures", addresses)

    def smart_logs(self, addresses: Sequence[str]) -> dict[str, str]:
        well = (DATA / "captures/nvme2-smart.json").read_text()
        return dict.fromkeys(addresses, well) | self._answered("smart_logs", addresses)

    def ndctl(self) -> str:
        return self._ndctl

    def namespace_users(self, devs: Sequence[str]) -> dict[str, str]:
        return self._answered("namespace_users", devs)

    def _answered(self, call: str, names: Sequence[str]) -> dict[str, Any]:
        """What root's side said in the emulated host itself."""
        return {name: answer for name, answer in self._answers.get(call, {}).items() if name in names}

    def _recorded(self, name: str) -> str:
        found = (folder / name for folder in self._folders)
        return next((file.read_text() for file in found if file.exists()), "")

    def _make(self, recorded: str) -> None:
        lines = [line.split(" ", 2) for line in recorded.splitlines()]
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
