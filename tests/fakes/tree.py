"""A sysfs and procfs tree made of files, which moves as the kernel's does when SSDs come, go and are bound."""

import itertools
import shutil
from pathlib import Path

from nova_accel.facts.roots import Roots
from tests.fakes.ssd import FakeSsd


class FakeTree:
    """What the kernel shows of the SSDs in a host, and of what is mounted."""

    def __init__(self, root: Path) -> None:
        self.roots = Roots(root / "sys", root / "proc", root / "dev", root / "saved")
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
            (controller / name / "nsid").write_text(f"{ssd.ids[name]}\n")
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
