"""A host made of recordings on which SSDs can be bound, written and erased, so that a whole server's life fits on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from lab import content
from nova_accel.exception import PrivilegedCallError
from nova_accel.facts import nvme, pci, usage
from nova_accel.model import PciAddress
from nova_accel.parsers import lspci, ndctl
from nova_accel.parsers.ndctl import NamespaceRecord
from nova_accel.privsep.links import path_of
from tests.fakes.recorded import RecordedHost

_SECTOR_BYTES = 512
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Behind:
    """What lies behind one SSD or PMEM namespace: a file with holes, of the recorded size."""

    identity: str
    file: Path
    size_bytes: int

    def erase(self) -> None:
        """Nothing but zeros."""
        with self.file.open("wb") as device:
            device.truncate(self.size_bytes)

    def zero(self, offset_bytes: int, length_bytes: int) -> None:
        """Zeros over what is not zero in a part."""
        end = min(offset_bytes + length_bytes, self.size_bytes)
        while (at := self.first_data(offset_bytes, end - offset_bytes)) is not None:
            self.write(at, bytes(min(_CHUNK_BYTES, end - at)))
            offset_bytes = min(at + _CHUNK_BYTES, end)

    def write(self, offset_bytes: int, data: bytes) -> None:
        """Write as a guest would."""
        with self.file.open("r+b") as device:
            device.seek(offset_bytes)
            device.write(data)

    def read(self, offset_bytes: int, length: int) -> bytes:
        """Read as a guest would."""
        return content.at(self.file, offset_bytes, length)

    def first_data(self, start: int = 0, length: int | None = None) -> int | None:
        """The first byte that is not zero."""
        end = self.size_bytes if length is None else min(start + length, self.size_bytes)
        return content.first_data(self.file, start, end - start)


class DemoHost(RecordedHost):
    """What :class:`nova_accel.host.Host` has beyond looking. Root's side refuses here what it would refuse.

    :param root: a folder for the tree of files that the recordings become
    :param recordings: a folder with all of them
    """

    def __init__(self, root: Path, recordings: Path) -> None:
        super().__init__(root, folders=(str(recordings),))
        self._hidden = root / "hidden"
        self._controllers = [json.loads(one.read_text()) for one in sorted(recordings.glob("nvme-id-ctrl-*.json"))]
        self._behind = root / "behind"
        self._behind.mkdir()
        self._signed = self.signatures([str(one) for one in self._addresses()])
        self.ssds = {str(one): self._ssd(one) for one in self._addresses() if nvme.read(self.roots, one)}
        self.namespaces = {
            one.dev: self._namespace(one) for one in ndctl.parse(self.ndctl()).namespaces if one.label_uuid
        }

    def hand_over(self, address: str, serial: str) -> None:
        """See :class:`nova_accel.host.Host`."""
        self._identified("hand_over", address, serial)
        self._bind(address, "vfio-pci")

    def bring_back(self, address: str, serial: str = "") -> None:
        """See :class:`nova_accel.host.Host`."""
        self._bind(address, "nvme")

    def settle(self, address: str) -> None:
        """There is no udev here to be kept away."""

    def id_ctrl(self, address: str, serial: str) -> str:
        """What was recorded of this controller, or of another one of its make."""
        self._identified("id_ctrl", address, serial)
        own = [one for one in self._controllers if one["sn"].strip() == serial]
        return json.dumps({**(own or self._controllers)[0], "sn": serial})

    def list_ns(self, address: str, serial: str, allocated: bool) -> str:
        """Whatever the kernel shows: no guest here has detached anything."""
        self._identified("list_ns", address, serial)
        numbers = sorted(nvme.namespace_ids(self.roots, PciAddress.parse(address)).values())
        return "".join(f"[{place:4}]:{number:#x}\n" for place, number in enumerate(numbers))

    def sizes(self, address: str, serial: str) -> dict[str, int]:
        """See :class:`nova_accel.host.Host`."""
        return {name: one.size_bytes for name, one in self._identified("sizes", address, serial).items()}

    def erase(self, address: str, serial: str, method: str, timeout_s: float = 3600.0) -> None:
        """See :class:`nova_accel.host.Host`."""
        for one in self._identified("erase", address, serial).values():
            one.erase()

    def zero(
        self, address: str, serial: str, namespace: str, method: str, offset_bytes: int, length_bytes: int
    ) -> None:
        """See :class:`nova_accel.host.Host`."""
        self._identified("zero", address, serial)[namespace].zero(offset_bytes, length_bytes)

    def sanitize(self, address: str, serial: str, method: str) -> None:
        """None of the recorded controllers offers it; so one answered when it was asked."""
        self._identified("sanitize", address, serial)
        raise PrivilegedCallError("sanitize", "NVMe status: Invalid Command Opcode")

    def sanitize_log(self, address: str, serial: str) -> str:
        """See :meth:`sanitize`."""
        self._identified("sanitize_log", address, serial)
        raise PrivilegedCallError("sanitize_log", "NVMe status: Invalid Field in Command")

    def first_nonzero(self, address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int) -> int:
        """See :class:`nova_accel.host.Host`; the very byte is also in the first chunk."""
        found = self._identified("first_nonzero", address, serial)[namespace].first_data(offset_bytes, length_bytes)
        return -1 if found is None else found

    def first_unlike(self, address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int) -> int:
        """See :class:`nova_accel.host.Host`; nothing here reads as a pattern after it was erased."""
        return self.first_nonzero(address, serial, namespace, offset_bytes, length_bytes)

    def check_namespace(self, dev: str, uuid: str) -> str:
        """See :class:`nova_accel.host.Host`."""
        path = self._devdax("check_namespace", dev, uuid)
        if self.namespace_users([dev]):
            raise PrivilegedCallError("check_namespace", self.namespace_users([dev])[dev])
        return path

    def _devdax(self, call: str, dev: str, uuid: str) -> str:
        record = next((one for one in ndctl.parse(self.ndctl()).namespaces if one.dev == dev), None)
        if record is None or record.label_uuid != uuid or record.mode != "devdax" or record.chardev is None:
            raise PrivilegedCallError(call, f"{dev} is not the devdax namespace {uuid}")
        return f"/dev/{record.chardev}"

    def link_namespace(self, dev: str, uuid: str) -> str:
        """See :class:`nova_accel.host.Host`."""
        link = self.roots.dev / "nova_accel" / uuid
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(f"../{Path(self._devdax('link_namespace', dev, uuid)).name}")
        return f"/dev/nova_accel/{uuid}"

    def namespace_size(self, dev: str, uuid: str) -> int:
        """See :class:`nova_accel.host.Host`."""
        self.check_namespace(dev, uuid)
        return self.namespaces[dev].size_bytes

    def zero_namespace(self, dev: str, uuid: str, offset_bytes: int, length_bytes: int) -> None:
        """See :class:`nova_accel.host.Host`."""
        self.check_namespace(dev, uuid)
        self.namespaces[dev].zero(offset_bytes, length_bytes)

    def namespace_first_nonzero(self, dev: str, uuid: str, offset_bytes: int, length_bytes: int) -> int:
        """See :class:`nova_accel.host.Host`."""
        self.check_namespace(dev, uuid)
        found = self.namespaces[dev].first_data(offset_bytes, length_bytes)
        return -1 if found is None else found

    def at(self, place: str) -> Behind:
        """What is behind a PCI address or the stable path of a namespace, as a guest gets it."""
        if place in self.ssds:
            return next(iter(self.ssds[place].values()))
        return next(one for one in self.namespaces.values() if path_of(one.identity) == place)

    def all_behind(self) -> list[Behind]:
        """Everything that can hold data."""
        return [*(one for some in self.ssds.values() for one in some.values()), *self.namespaces.values()]

    def _addresses(self) -> list[PciAddress]:
        return [one.address for one in lspci.parse(self.lspci()).records]

    def _ssd(self, address: PciAddress) -> dict[str, Behind]:
        facts = nvme.read(self.roots, address)
        assert facts is not None
        made = {name: self._made(facts.serial or "", name, self._size(address, name)) for name in facts.namespaces}
        for one in made.values():
            # Its bytes were not recorded; that there were some was.
            one.write(0, "".join(self._signed.get(str(address), [])).encode())
        return made

    def _size(self, address: PciAddress, name: str) -> int:
        controller = next((pci.device_folder(self.roots, address) / "nvme").iterdir())
        files = (controller / name / "size", self.roots.sys / "class/block" / name / "size")
        return next(int(text) for text in map(self.roots.read, files) if text) * _SECTOR_BYTES

    def _namespace(self, record: NamespaceRecord) -> Behind:
        return self._made(record.label_uuid or "", record.dev, record.size_bytes)

    def _made(self, identity: str, name: str, size_bytes: int) -> Behind:
        made = Behind(identity, self._behind / name, size_bytes)
        made.erase()
        return made

    def _identified(self, call: str, address: str, serial: str) -> dict[str, Behind]:
        parsed = PciAddress.parse(address)
        facts = nvme.read(self.roots, parsed)
        if facts is None or facts.serial != serial:
            found = facts.serial if facts else "none on the nvme driver"
            raise PrivilegedCallError(call, f"the SSD at {address} is {found}, not {serial}")
        if usage.read(self.roots, usage.read_host(self.roots), facts.namespaces) or self.who_uses([address]):
            raise PrivilegedCallError(call, f"{address} is in use by this host")
        return self.ssds[address]

    def _bind(self, address: str, driver: str) -> None:
        """Move what the nvme driver shows out of the tree, or back into it."""
        folder = self.roots.sys / "bus/pci/devices" / address
        (folder / "driver").unlink(missing_ok=True)
        (folder / "driver").symlink_to(self.roots.sys / "bus/pci/drivers" / driver)
        shown = [folder / "nvme", *(self.roots.sys / "class/block" / name for name in self.ssds[address])]
        for here in shown:
            away = self._hidden / here.relative_to(self.roots.sys)
            source, target = (away, here) if driver == "nvme" else (here, away)
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                source.rename(target)
