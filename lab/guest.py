"""L2: the small guest that Nova boots, and what it says on its console."""

from __future__ import annotations

import dataclasses
import pathlib
import re

from lab import initramfs, kernel
from lab.control import image_store

DISK_MIB = 1
SEEN = re.compile(
    r"guest: nvme (?P<name>\S+) serial=(?P<serial>\S+) bytes=(?P<bytes>\d+) "
    r"first=(?P<first>\S*) first_mib=(?P<content>zero|data)"
)
BOOT_ID = "(?P<id>[0-9a-f-]{36})"
BOOTED = re.compile(f"guest: booted {BOOT_ID}")
FOUND = re.compile(r'guest: found "(?P<found>[^"]*)" at \d+ of \S+')
ALIVE = re.compile(rf"guest: alive (?P<beat>\d+) {BOOT_ID}(?P<holds>[^\r\n]*)[\r\n]")
SEEN_PMEM = re.compile(
    r"guest: pmem (?P<number>\d+) block=(?P<block>\S+) bytes=(?P<bytes>\d+) region_bytes=(?P<region>\d+) "
    r"node=(?P<node>-?\d+) content=(?P<content>zero|data) found=(?P<found>\S*) wrote=(?P<wrote>\S*)"
)


@dataclasses.dataclass(frozen=True)
class SeenSsd:
    """An NVMe controller as the guest sees it."""

    serial: str
    size_bytes: int
    first_mib_zero: bool


def seen(console: str) -> list[SeenSsd]:
    """The NVMe controllers that a guest has reported."""
    return [
        SeenSsd(found["serial"], int(found["bytes"]), found["content"] == "zero") for found in SEEN.finditer(console)
    ]


@dataclasses.dataclass(frozen=True)
class SeenPmem:
    """A persistent memory as the guest sees it; a guest tells of them in the order of their addresses."""

    size_bytes: int
    node: int
    zero: bool
    """All of it, before the guest wrote."""
    found: str
    """What was where the guest was to write."""
    wrote: bool


def seen_pmem(console: str) -> list[SeenPmem]:
    """The persistent memories that a guest has reported."""
    return [
        SeenPmem(
            size_bytes=int(found["bytes"]),
            node=int(found["node"]),
            zero=found["content"] == "zero",
            found=found["found"],
            wrote=found["wrote"] == "0",
        )
        for found in SEEN_PMEM.finditer(console)
    ]


def is_ready(console: str) -> bool:
    """Whether the guest has done all it had to do."""
    return "guest: ready" in console


def wrote(console: str, nonce: str) -> bool:
    """Whether the guest has written its nonce and the disk took it."""
    return re.search(rf"guest: wrote {nonce} at \d+ of \S+ status=0", console) is not None


def found(console: str) -> list[str]:
    """What a guest found where it was to write on its SSD, for each time that it booted."""
    return [one["found"] for one in FOUND.finditer(console)]


def last_boot(console: str) -> tuple[str, str]:
    """The id that the guest's kernel made up when it last booted, and what it wrote since; two empty texts when there is nothing.

    A guest that was resumed goes on in a console that is new: it has signs of life only.
    """
    boots, signs = list(BOOTED.finditer(console)), list(ALIVE.finditer(console))
    if boots:
        return boots[-1]["id"], console[boots[-1].end() :]
    return (signs[-1]["id"], console) if signs else ("", "")


@dataclasses.dataclass(frozen=True)
class Beat:
    """A guest's sign of life, with what is on its devices at that time: what by an SSD's serial or a persistent memory's name."""

    number: int
    holds: dict[str, str]


def beats(console: str) -> list[Beat]:
    """The signs of life of a guest that watches its devices."""
    return [
        Beat(int(one["beat"]), dict(word.split("=", 1) for word in one["holds"].split()))
        for one in ALIVE.finditer(console)
    ]


class Images:
    """The image store's content: one kernel, one initramfs, and any number of servers' images."""

    def __init__(self, folder: pathlib.Path, cache: pathlib.Path) -> None:
        self._folder = folder
        self._cache = cache
        self._kernel = ""
        self._initramfs = ""

    def make(self) -> None:
        """Put the guest's kernel and initramfs into the store."""
        linux = kernel.unpacked(kernel.SMALL, self._cache)
        first = self._folder / "initramfs"
        first.write_bytes(initramfs.build("l2-init", linux, initramfs.L2_MODULES, self._cache))
        disk = self._folder / "disk"
        with disk.open("wb") as content:
            content.truncate(DISK_MIB << 20)
        self._kernel = self._add("l2-kernel", linux.image, {"disk_format": "aki", "container_format": "aki"})
        self._initramfs = self._add("l2-initramfs", first, {"disk_format": "ari", "container_format": "ari"})

    def guest(self, command_line: str = "") -> str:
        """A bootable image whose guest gets ``command_line``; its id."""
        return self._add(
            "l2",
            self._folder / "disk",
            {
                "disk_format": "raw",
                "container_format": "bare",
                "kernel_id": self._kernel,
                "ramdisk_id": self._initramfs,
                "hw_machine_type": "q35",
                "os_command_line": f"console=ttyS0 quiet panic=-1 {command_line}".strip(),
            },
        )

    def _add(self, name: str, content: pathlib.Path, properties: dict[str, str]) -> str:
        made = image_store.create(self._folder, {"name": name, "visibility": "public", **properties})
        image_store.fill(self._folder, made["id"], content.read_bytes())
        return str(made["id"])
