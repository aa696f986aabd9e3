"""Kernels for L1 and L2: distribution packages, unpacked, with their modules."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence

from lab import packages

# The package that follows the distribution's newest kernel; the first that apt knows is taken.
FULL = ("linux-image-amd64", "linux-image-generic")
SMALL = ("linux-image-cloud-amd64", "linux-image-virtual", *FULL)
KERNEL_PART = re.compile(r"linux-(image|modules|modules-extra)-\d\S*")


@dataclasses.dataclass(frozen=True)
class Kernel:
    """One unpacked kernel: ``tree`` holds boot/vmlinuz-<version> and usr/lib/modules/<version>."""

    tree: pathlib.Path
    version: str

    @property
    def image(self) -> pathlib.Path:
        """The bootable image."""
        return self.tree / "boot" / f"vmlinuz-{self.version}"

    @property
    def modules(self) -> pathlib.Path:
        """The modules' folder."""
        return self.tree / "usr/lib/modules" / self.version

    def load_order(self, names: Iterable[str]) -> list[pathlib.Path]:
        """Files of the modules ``names`` and of what they need, in the order to load them.

        A module that is built into the kernel is left out.
        """
        return load_order((self.modules / "modules.dep").read_text(), names, self.modules)


def load_order(modules_dep: str, names: Iterable[str], folder: pathlib.Path) -> list[pathlib.Path]:
    """Read depmod's ``modules.dep`` and order the modules ``names`` so that each finds what it needs."""
    by_name: dict[str, list[str]] = {}
    for line in modules_dep.splitlines():
        path, _, needs = line.partition(":")
        by_name[_module_name(path)] = [path, *needs.split()]
    order: dict[str, None] = {}
    for name in names:
        for path in reversed(by_name.get(name.replace("-", "_"), [])):
            order.setdefault(path)
    return [folder / path for path in order]


def _module_name(path: str) -> str:
    return pathlib.PurePath(path).name.partition(".ko")[0].replace("-", "_")


def unpacked(followers: Sequence[str], cache: pathlib.Path) -> Kernel:
    """The kernel that the first known package of ``followers`` stands for, unpacked and indexed once."""
    names = _parts(followers)
    tree = packages.unpacked_exactly(names, cache)
    version = next((tree / "usr/lib/modules").iterdir()).name
    kernel = Kernel(tree, version)
    if not (kernel.modules / "modules.dep.bin").exists():
        tools = packages.unpacked(["kmod"], cache)
        depmod = tools / "usr/bin/kmod"
        program = str(depmod) if depmod.exists() else shutil.which("kmod") or "/bin/kmod"
        subprocess.run(["depmod", "-b", str(tree), version], executable=program, check=True)
    return kernel


def _parts(followers: Sequence[str]) -> list[str]:
    for name in followers:
        argv = [
            "apt-cache",
            "depends",
            "--recurse",
            "--no-recommends",
            "--no-suggests",
            "--no-conflicts",
            "--no-breaks",
            "--no-replaces",
            "--no-enhances",
            name,
        ]
        said = subprocess.run(argv, capture_output=True, text=True).stdout
        first = sorted({word for word in said.split() if KERNEL_PART.fullmatch(word) and "unsigned" not in word})
        if first:
            return first
    raise packages.NoPackage(followers, "no kernel found")
