"""A host made of files: a sysfs and procfs tree that moves as the kernel's does, behind the one border that nova_accel has."""

import itertools
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nova_accel.exception import PrivilegedCallError
from nova_accel.facts.roots import Roots
from tests.fakes.pmem import FakeNamespace, FakePmem, FakeRegion

_CHUNK_BYTES = 4 * 1024 * 1024
_OACS_FORMAT = 2
_WELL = {"critical_warning": 0, "temperature": 310, "avail_spare": 100, "spare_thresh": 10, "percent_used": 3}


@dataclass
class FakeSsd:
    """One NVMe SSD. ``content`` holds what is not zero, by offset."""

    address: str
    serial: str
    vendor_id: str = "1b36"
    product_id: str = "0010"
    vendor_name: str = ""
    """Where given, lspci prints names before the numbers, as with -nn."""
    group: str | None = None
    """IOMMU group; None gives it one of its own, "" none at all."""
    numa_node: int = -1
    namespaces: int = 1
    size_bytes: int = 64 * 1024 * 1024
    content: dict[int, bytes] = field(default_factory=dict)
    mounted_at: str = ""
    holder: str = ""
    open_elsewhere: bool = False
    mounted_elsewhere: str = ""
    signatures: tuple[str, ...] = ()
    reset_method: str = "flr bus"
    vfs: int = 0
    can_format: bool = True
    erases: bool = True
    """False: the eraser returns success and erases nothing."""
    smart: dict[str, object] | None = field(default_factory=dict)
    """What it says of its health where that is not all well, in nvme-cli's words; None: it does not answer."""
    index: int = 0
    bound_to: str | None = "nvme"
    override: str = ""

    @property
    def names(self) -> list[str]:
        return [f"nvme{self.index}n{number}" for number in range(1, self.namespaces + 1)]


class FakeHost:
    """Implements :class:`nova_accel.host.Host` over a folder; ``calls`` lists what root's side was asked."""

    def __init__(
        self,
        root: Path,
        ssds: Sequence[FakeSsd] = (),
        namespaces: Sequence[FakeNamespace] = (),
        regions: Sequence[FakeRegion] = (),
    ) -> None:
        self.roots = Roots(root / "sys", root / "proc", root / "dev")
        self.calls: list[tuple[str, ...]] = []
        self.extra_lspci = ""
        self.ssds: dict[str, FakeSsd] = {}
        self._indices = itertools.count()
        self._inode_keepers: list[Path] = []
        self._root = root
        for folder in (
            "sys/bus/pci/devices",
            "sys/bus/nd/devices",
            "sys/bus/dax/devices",
            "sys/class/block",
            "proc/self",
            "proc/sys/kernel/random",
            "dev",
        ):
            (root / folder).mkdir(parents=True, exist_ok=True)
        self.reboot_id("8f1c7a6e-0000-4000-8000-000000000001")
        self._write_proc()
        for ssd in ssds:
            self.plug(ssd)
        self.pmem = FakePmem(root, self.calls, namespaces, regions)
        self.ndctl = self.pmem.ndctl
        self.namespace_users = self.pmem.namespace_users
        self.check_namespace = self.pmem.check_namespace
        self.link_namespace = self.pmem.link_namespace
        self.namespace_size = self.pmem.namespace_size
        self.zero_namespace = self.pmem.zero_namespace
        self.namespace_first_nonzero = self.pmem.namespace_first_nonzero

    def reboot_id(self, boot_id: str) -> None:
        (self._root / "proc/sys/kernel/random/boot_id").write_text(boot_id + "\n")

    def plug(self, ssd: FakeSsd) -> None:
        ssd.index = next(self._indices)
        self.ssds[ssd.address] = ssd
        folder = self._folder(ssd)
        folder.mkdir()
        (folder / "class").write_text("0x010802\n")
        (folder / "numa_node").write_text(f"{ssd.numa_node}\n")
        (folder / "reset_method").write_text(f"{ssd.reset_method}\n")
        (folder / "sriov_numvfs").write_text(f"{ssd.vfs}\n")
        group = str(100 + ssd.index) if ssd.group is None else ssd.group
        if group:
            members = self.roots.sys / "kernel/iommu_groups" / group / "devices"
            members.mkdir(parents=True, exist_ok=True)
            (members / ssd.address).touch()
            (folder / "iommu_group").symlink_to(members.parent)
        self._bind(ssd, ssd.bound_to)

    def unplug(self, address: str) -> FakeSsd:
        ssd = self.ssds.pop(address)
        self._unbind(ssd)
        # The kernel never gives a folder's number to another one within a boot; a file system might.
        keeper = self._root / f"kept-{next(self._indices)}"
        self._folder(ssd).rename(keeper)
        self._inode_keepers.append(keeper)
        return ssd

    def mount(self, address: str, where: str) -> None:
        self.ssds[address].mounted_at = where
        self._write_proc()

    def lspci(self) -> str:
        self.calls.append(("lspci",))
        lines = "".join(self._lspci_line(ssd) for ssd in self.ssds.values())
        return '0000:00:00.0 "0600" "8086" "29c0" -p00 "1af4" "1100"\n' + lines + self.extra_lspci

    @staticmethod
    def _lspci_line(ssd: FakeSsd) -> str:
        if not ssd.vendor_name:
            return f'{ssd.address} "0108" "{ssd.vendor_id}" "{ssd.product_id}" -r02 -p02 "1af4" "1100"\n'
        vendor = f"{ssd.vendor_name} [{ssd.vendor_id}]"
        return (
            f'{ssd.address} "Non-Volatile memory controller [0108]" "{vendor}" "NVMe SSD, 3.2 TB [{ssd.product_id}]"'
            f' -r02 -p02 "{vendor}" "Device [{ssd.product_id}]"\n'
        )

    def who_uses(self, addresses: Sequence[str]) -> dict[str, str]:
        if addresses:
            self.calls.append(("who_uses", *addresses))
        ssds = [self._on_nvme("who_uses", address) for address in addresses]
        return {ssd.address: f"/dev/{ssd.names[0]} is in use by this host" for ssd in ssds if self._busy(ssd)}

    def signatures(self, addresses: Sequence[str]) -> dict[str, list[str]]:
        if addresses:
            self.calls.append(("signatures", *addresses))
        found = {address: self.ssds[address] for address in addresses if address in self.ssds}
        return {at: list(ssd.signatures) for at, ssd in found.items() if ssd.bound_to == "nvme" and ssd.signatures}

    def mounted_elsewhere(self, addresses: Sequence[str]) -> dict[str, str]:
        found = {address: self.ssds[address] for address in addresses if address in self.ssds}
        return {
            at: f"{ssd.mounted_elsewhere} in the mount namespace of sh (process 123)"
            for at, ssd in found.items()
            if ssd.mounted_elsewhere
        }

    def smart_logs(self, addresses: Sequence[str]) -> dict[str, str]:
        if addresses:
            self.calls.append(("smart_logs", *addresses))
        found = {address: self.ssds[address] for address in addresses if address in self.ssds}
        answering = {at: ssd.smart for at, ssd in found.items() if ssd.bound_to == "nvme" and ssd.smart is not None}
        return {at: json.dumps(_WELL | smart) for at, smart in answering.items()}

    def hand_over(self, address: str, serial: str) -> None:
        self.calls.append(("hand_over", address, serial))
        ssd = self._identified("hand_over", address, serial)
        self._refuse_if_busy("hand_over", ssd)
        ssd.override = "vfio-pci"
        self._bind(ssd, "vfio-pci")

    def bring_back(self, address: str) -> None:
        self.calls.append(("bring_back", address))
        ssd = self._present("bring_back", address)
        ssd.override = "nvme"
        if ssd.bound_to != "nvme":
            self._bind(ssd, "nvme")

    def settle(self, address: str) -> None:
        self.calls.append(("settle", address))
        self._present("settle", address).override = ""

    def id_ctrl(self, address: str, serial: str) -> str:
        ssd = self._identified("id_ctrl", address, serial)
        return json.dumps({"sn": ssd.serial, "oacs": _OACS_FORMAT if ssd.can_format else 0, "oncs": 8})

    def sizes(self, address: str, serial: str) -> dict[str, int]:
        ssd = self._identified("sizes", address, serial)
        self._refuse_if_busy("sizes", ssd)
        return dict.fromkeys(ssd.names, ssd.size_bytes)

    def erase(self, address: str, serial: str, method: str) -> None:
        self.calls.append(("erase", address, serial, method))
        ssd = self._identified("erase", address, serial)
        self._refuse_if_busy("erase", ssd)
        if ssd.erases:
            ssd.content.clear()
            ssd.signatures = ()

    def first_nonzero(self, address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int) -> int:
        ssd = self._identified("first_nonzero", address, serial)
        self._refuse_if_busy("first_nonzero", ssd)
        hits = [
            at for at, data in ssd.content.items() if any(data) and offset_bytes <= at < offset_bytes + length_bytes
        ]
        return min(hits) // _CHUNK_BYTES * _CHUNK_BYTES if hits else -1

    def _present(self, call: str, address: str) -> FakeSsd:
        if address not in self.ssds:
            raise PrivilegedCallError(call, f"there is no PCI device {address}")
        return self.ssds[address]

    def _on_nvme(self, call: str, address: str) -> FakeSsd:
        ssd = self._present(call, address)
        if ssd.bound_to != "nvme":
            raise PrivilegedCallError(call, f"{address} is not run by the kernel's nvme driver")
        return ssd

    def _identified(self, call: str, address: str, serial: str) -> FakeSsd:
        ssd = self._on_nvme(call, address)
        if ssd.serial != serial:
            raise PrivilegedCallError(call, f"{address} holds the SSD with serial {ssd.serial}, not {serial}")
        return ssd

    def _refuse_if_busy(self, call: str, ssd: FakeSsd) -> None:
        if self._busy(ssd):
            raise PrivilegedCallError(call, f"/dev/{ssd.names[0]} is in use by this host")

    @staticmethod
    def _busy(ssd: FakeSsd) -> bool:
        return bool(ssd.mounted_at or ssd.holder or ssd.open_elsewhere or ssd.mounted_elsewhere)

    def _folder(self, ssd: FakeSsd) -> Path:
        return self.roots.sys / "bus/pci/devices" / ssd.address

    def _bind(self, ssd: FakeSsd, driver: str | None) -> None:
        self._unbind(ssd)
        ssd.bound_to = driver
        if driver is None:
            return
        (self._folder(ssd) / "driver").symlink_to(self.roots.sys / "bus/pci/drivers" / driver)
        if driver != "nvme":
            return
        controller = self._folder(ssd) / "nvme" / f"nvme{ssd.index}"
        controller.mkdir(parents=True)
        (controller / "serial").write_text(f"{ssd.serial:<20}\n")
        for minor, name in enumerate(ssd.names):
            (controller / name).mkdir()
            block = self.roots.sys / "class/block" / name
            (block / "holders").mkdir(parents=True)
            (block / "dev").write_text(f"259:{ssd.index * 16 + minor}\n")
            if ssd.holder:
                (block / "holders" / ssd.holder).touch()
        self._write_proc()

    def _unbind(self, ssd: FakeSsd) -> None:
        (self._folder(ssd) / "driver").unlink(missing_ok=True)
        shutil.rmtree(self._folder(ssd) / "nvme", ignore_errors=True)
        for name in ssd.names:
            shutil.rmtree(self.roots.sys / "class/block" / name, ignore_errors=True)

    def _write_proc(self) -> None:
        lines = ["22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"]
        lines += [
            f"30 22 259:{ssd.index * 16} / {ssd.mounted_at} rw,relatime - ext4 /dev/{ssd.names[0]} rw"
            for ssd in self.ssds.values()
            if ssd.mounted_at
        ]
        (self._root / "proc/self/mountinfo").write_text("\n".join(lines) + "\n")
        (self._root / "proc/swaps").write_text("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
