"""Persistent memory made of files: what ndctl lists, what sysfs shows beside it, and what root's side does with it."""

import itertools
import json
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nova_accel.exception import PrivilegedCallError
from nova_accel.facts import links
from nova_accel.facts.roots import Roots
from tests.fakes.content import expect_part, first_nonzero, zeroed

_DAX = ("devdax",)


@dataclass
class FakeRegion:
    """One region; its DIMM is of the same number."""

    number: int
    numa_node: int | None = None
    iset_id: int | None = None
    """None makes one of the number."""

    @property
    def dev(self) -> str:
        return f"region{self.number}"

    def listed(self, namespaces: list[dict[str, object]]) -> dict[str, object]:
        record = {
            "dev": self.dev,
            "size": 8 * 1024**3,
            "available_size": 0,
            "type": "pmem",
            "iset_id": 0x1000 + self.number if self.iset_id is None else self.iset_id,
            "mappings": [{"dimm": f"nmem{self.number}", "offset": 0, "length": 8 * 1024**3, "position": 0}],
            "namespaces": namespaces,
        }
        return record | ({} if self.numa_node is None else {"numa_node": self.numa_node})


@dataclass
class FakeNamespace:
    """One namespace. ``content`` holds what is not zero, by offset."""

    dev: str
    name: str | None
    uuid: str = ""
    size_bytes: int = 64 * 1024 * 1024
    align_bytes: int = 2 * 1024 * 1024
    mode: str = "devdax"
    dax_mode: str = "devdax"
    enabled: bool = True
    content: dict[int, bytes] = field(default_factory=dict)
    user: str = ""
    """A process that has it open or mapped: "daxio (process 7)"."""
    bad_blocks: int = 0
    erases: bool = True

    def __post_init__(self) -> None:
        self.uuid = self.uuid or str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.dev} {self.name}"))

    @property
    def region(self) -> int:
        return int(self.dev.removeprefix("namespace").partition(".")[0])

    @property
    def chardev(self) -> str | None:
        return self.dev.replace("namespace", "dax") if self.enabled and self.mode in _DAX else None

    def listed(self) -> dict[str, object]:
        record: dict[str, object] = {"dev": self.dev, "mode": self.mode, "size": self.size_bytes, "uuid": self.uuid}
        if self.mode in _DAX:
            # The layout inside has a uuid of its own; the label's is the raw one.
            record |= {"uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, self.uuid)), "raw_uuid": self.uuid, "map": "dev"}
            record["align"] = self.align_bytes
        else:
            record["blockdev"] = self.dev.replace("namespace", "pmem")
        if self.chardev is not None:
            device = {"chardev": self.chardev, "size": self.size_bytes, "mode": self.dax_mode}
            record["daxregion"] = {"id": self.region, "size": self.size_bytes, "devices": [device]}
        if self.bad_blocks:
            record["badblock_count"] = self.bad_blocks
        if not self.enabled:
            record["state"] = "disabled"
        return record | ({} if self.name is None else {"name": self.name})


class FakePmem:
    """The calls of :class:`nova_accel.host.Host` about persistent memory."""

    def __init__(
        self,
        root: Path,
        calls: list[tuple[str, ...]],
        namespaces: Sequence[FakeNamespace],
        regions: Sequence[FakeRegion] = (),
    ) -> None:
        self.calls = calls
        self.namespaces: dict[str, FakeNamespace] = {}
        self.regions = {one.number: one for one in regions}
        self._root = root
        self._kept = itertools.count()
        for one in namespaces:
            self.create(one)

    def create(self, namespace: FakeNamespace) -> FakeNamespace:
        self.namespaces[namespace.dev] = namespace
        self.regions.setdefault(namespace.region, FakeRegion(namespace.region))
        self._make_dimm(namespace.region)
        (self._nd / namespace.dev).mkdir()
        self._show(namespace)
        return namespace

    def destroy(self, dev: str) -> FakeNamespace:
        namespace = self.namespaces.pop(dev)
        self._hide(self._dax / (namespace.chardev or "none"))
        self._hide(self._nd / dev)
        return namespace

    def enable(self, dev: str, enabled: bool = True) -> None:
        namespace = self.namespaces[dev]
        self._hide(self._dax / (namespace.chardev or "none"))
        namespace.enabled = enabled
        self._show(namespace)

    def ndctl(self) -> str:
        self.calls.append(("ndctl",))
        if not self.regions:
            return ""
        regions = [
            region.listed([one.listed() for one in self.namespaces.values() if one.region == number])
            for number, region in self.regions.items()
        ]
        dimms = [
            {"dev": f"nmem{number}", "id": f"8089-a2-1837-{number:08x}", "handle": number} for number in self.regions
        ]
        return json.dumps({"dimms": dimms, "regions": regions})

    def namespace_users(self, devs: Sequence[str]) -> dict[str, str]:
        if devs:
            self.calls.append(("namespace_users", *devs))
        found = {dev: self.namespaces[dev] for dev in devs if dev in self.namespaces}
        return {dev: self._used(one) for dev, one in found.items() if one.user}

    def check_namespace(self, dev: str, uuid: str) -> str:
        self.calls.append(("check_namespace", dev, uuid))
        namespace = self._identified("check_namespace", dev, uuid)
        self._refuse_if_used("check_namespace", namespace)
        return f"/dev/{namespace.chardev}"

    def link_namespace(self, dev: str, uuid: str) -> str:
        self.calls.append(("link_namespace", dev, uuid))
        self.links.mkdir(exist_ok=True)
        right = {(one.uuid, f"../{one.chardev}") for one in self.namespaces.values()}
        for link in self.links.iterdir():
            if (link.name, str(link.readlink())) not in right:
                link.unlink()
        namespace = self._identified("link_namespace", dev, uuid)
        if not (self.links / uuid).is_symlink():
            (self.links / uuid).symlink_to(f"../{namespace.chardev}")
        return f"/dev/nova_accel/{uuid}"

    def namespace_size(self, dev: str, uuid: str) -> int:
        return self._identified("namespace_size", dev, uuid).size_bytes

    def zero_namespace(self, dev: str, uuid: str, offset_bytes: int, length_bytes: int) -> None:
        self.calls.append(("zero_namespace", dev, uuid))
        namespace = self._identified("zero_namespace", dev, uuid)
        self._refuse_if_used("zero_namespace", namespace)
        expect_part("zero_namespace", namespace.size_bytes, offset_bytes, length_bytes)
        if namespace.erases:
            namespace.content = zeroed(namespace.content, offset_bytes, offset_bytes + length_bytes)

    def namespace_first_nonzero(self, dev: str, uuid: str, offset_bytes: int, length_bytes: int) -> int:
        namespace = self._identified("namespace_first_nonzero", dev, uuid)
        self._refuse_if_used("namespace_first_nonzero", namespace)
        return first_nonzero(namespace.content, offset_bytes, min(namespace.size_bytes, offset_bytes + length_bytes))

    def _identified(self, call: str, dev: str, uuid: str) -> FakeNamespace:
        namespace = self.namespaces.get(dev)
        if namespace is None:
            raise PrivilegedCallError(call, f"there is no namespace {dev}")
        if namespace.uuid != uuid:
            raise PrivilegedCallError(call, f"{dev} is the namespace with uuid {namespace.uuid}, not {uuid}")
        if namespace.chardev is None:
            raise PrivilegedCallError(call, f"{dev} is disabled or in mode {namespace.mode}, not devdax")
        return namespace

    def _refuse_if_used(self, call: str, namespace: FakeNamespace) -> None:
        if namespace.user:
            raise PrivilegedCallError(call, self._used(namespace))

    @staticmethod
    def _used(namespace: FakeNamespace) -> str:
        return f"{namespace.user} has /dev/{namespace.chardev} mapped"

    @property
    def links(self) -> Path:
        """Where the stable paths are; a reboot takes it away."""
        return self._root / "dev/nova_accel"

    def leading(self) -> dict[str, str]:
        """The dax device that each stable path leads to, by its uuid."""
        return links.read(Roots(dev=self._root / "dev"))

    @property
    def _nd(self) -> Path:
        return self._root / "sys/bus/nd/devices"

    @property
    def _dax(self) -> Path:
        return self._root / "sys/bus/dax/devices"

    def _show(self, namespace: FakeNamespace) -> None:
        (self._nd / namespace.dev / "uuid").write_text(namespace.uuid + "\n")
        if namespace.chardev is not None:
            (self._dax / namespace.chardev).mkdir()
            (self._dax / namespace.chardev / "size").write_text(f"{namespace.size_bytes}\n")

    def _hide(self, folder: Path) -> None:
        # The kernel never gives a folder's number to another one within a boot; a file system might.
        if folder.is_dir():
            shutil.move(folder, self._root / f"kept-pmem-{next(self._kept)}")

    def _make_dimm(self, number: int) -> None:
        folder = self._nd / f"nmem{number}" / "nfit"
        if not folder.is_dir():
            folder.mkdir(parents=True)
            (folder / "vendor").write_text("0x8089\n")
            (folder / "device").write_text("0x0979\n")
            (folder / "id").write_text(f"8089-a2-1837-{number:08x}\n")
