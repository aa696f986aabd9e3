"""A host made of files: a sysfs and procfs tree that moves as the kernel's does, behind the one border that nova_accel has."""

import itertools
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nova_accel.exception import DeviceLost, PrivilegedCallError
from nova_accel.facts.roots import Roots
from tests.fakes.pmem import FakeNamespace, FakePmem, FakeRegion, expect_part, first_nonzero, zeroed

_CHUNK_BYTES = 4 * 1024 * 1024
_OACS_FORMAT = 2
_OACS_MANAGES_NAMESPACES = 8
_FNA_CRYPTO = 4
_CMIC_CONTROLLERS = 2
# By method: the bit that offers it, and the number that the log calls it by.
_SANITIZE = {"sanitize-crypto": (1, 4), "sanitize-block": (2, 2), "sanitize-overwrite": (4, 3)}
_NEVER, _DONE, _UNDER_WAY, _FAILED = range(4)
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
    can_format_crypto: bool = False
    sanitizes: tuple[str, ...] = ()
    """Which of the three ways to sanitize the controller offers, as in the option clean_methods."""
    shared: bool = False
    """Whether the controller says that its NVM subsystem may have others."""
    manages_namespaces: bool = False
    """Whether a guest can make and delete namespaces; then the controller says how much room there is."""
    unallocated_bytes: int = 0
    hidden: tuple[int, ...] = ()
    """Numbers of namespaces that this host does not see: a guest detached them, or another controller has them."""
    without_size: tuple[str, ...] = ()
    """Which of the names Linux makes no use of, as after a format with metadata."""
    after_erase: dict[str, Any] = field(default_factory=dict)
    """What becomes of these fields while it is erased."""
    erases: bool = True
    """False: the eraser returns success and erases nothing."""
    reads_after_erase: bytes = b""
    """What a format or a block erase leaves over and over, where that is not zero; small SSDs only."""
    sanitize_polls: int = 2
    """How often a sanitize says that it is under way."""
    sanitize_fails: bool = False
    sanitize_status: int = 0
    """0 never, 1 done, 2 under way, 3 failed."""
    sanitize_method: str = ""
    sanitize_left: int = 0
    sanitized_to: dict[int, bytes] | None = None
    """What the last one left, if it says when something was written since."""
    tells_writes: bool = True
    comes_back: bool = True
    """False: the nvme driver cannot start the controller any more."""
    vfio_user: bool = False
    """Whether something has it open through vfio."""
    smart: dict[str, object] | None = field(default_factory=dict)
    """What it says of its health where that is not all well, in nvme-cli's words; None: it does not answer."""
    index: int = 0
    bound_to: str | None = "nvme"
    override: str = ""

    @property
    def names(self) -> list[str]:
        return [f"nvme{self.index}n{number}" for number in range(1, self.namespaces + 1)]

    @property
    def ids(self) -> dict[str, int]:
        """The numbers of the namespaces, which the kernel's names do not tell."""
        return {name: 10 + place for place, name in enumerate(self.names)}


class FakeHost:
    """Implements :class:`nova_accel.host.Host` over a folder; ``calls`` lists what root's side was asked."""

    def __init__(
        self,
        root: Path,
        ssds: Sequence[FakeSsd] = (),
        namespaces: Sequence[FakeNamespace] = (),
        regions: Sequence[FakeRegion] = (),
    ) -> None:
        self.roots = Roots(root / "sys", root / "proc", root / "dev", root / "saved")
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
        self._expect_namespaces("hand_over", ssd)
        self._refuse_if_busy("hand_over", ssd)
        ssd.override = "vfio-pci"
        self._bind(ssd, "vfio-pci")

    def bring_back(self, address: str, serial: str = "") -> None:
        self.calls.append(("bring_back", address))
        ssd = self._present("bring_back", address)
        if ssd.bound_to not in (None, "vfio-pci", "nvme"):
            raise PrivilegedCallError("bring_back", f"{address} is bound to {ssd.bound_to}")
        if ssd.bound_to == "vfio-pci" and ssd.vfio_user:
            raise PrivilegedCallError("bring_back", f"{address} is in use through vfio: Device or resource busy")
        if ssd.bound_to == "nvme" and ssd.comes_back:
            if serial:
                self._identified("bring_back", address, serial)
            self._refuse_if_busy("bring_back", ssd)
        ssd.override = "nvme"
        if not ssd.comes_back:
            self._bind(ssd, None)
            raise DeviceLost("bring_back", f"{address} did not come up on nvme: the driver gave it up")
        if ssd.bound_to != "nvme":
            self._bind(ssd, "nvme")
        self._expect_namespaces("bring_back", ssd)

    def settle(self, address: str) -> None:
        self.calls.append(("settle", address))
        self._present("settle", address).override = ""

    def id_ctrl(self, address: str, serial: str) -> str:
        ssd = self._identified("id_ctrl", address, serial)
        answer: dict[str, Any] = {"sn": ssd.serial, "oacs": _OACS_FORMAT if ssd.can_format else 0, "oncs": 8}
        answer["fna"] = _FNA_CRYPTO if ssd.can_format_crypto else 0
        answer["sanicap"] = sum(_SANITIZE[method][0] for method in ssd.sanitizes)
        answer["cmic"] = _CMIC_CONTROLLERS if ssd.shared else 0
        if ssd.manages_namespaces:
            answer["oacs"] |= _OACS_MANAGES_NAMESPACES
            # As the tool prints 128 bits.
            answer["unvmcap"] = str(ssd.unallocated_bytes)
        return json.dumps(answer)

    def list_ns(self, address: str, serial: str, allocated: bool) -> str:
        ssd = self._identified("list_ns", address, serial)
        if allocated and not ssd.manages_namespaces:
            raise PrivilegedCallError("list_ns", "NVMe status: Invalid Field in Command")
        unseen = ssd.hidden if allocated or not ssd.manages_namespaces else ()
        numbers = sorted({*ssd.ids.values(), *unseen})
        return "".join(f"[{place:4}]:{number:#x}\n" for place, number in enumerate(numbers))

    def sizes(self, address: str, serial: str) -> dict[str, int]:
        ssd = self._identified("sizes", address, serial)
        self._refuse_if_busy("sizes", ssd)
        return {name: 0 if name in ssd.without_size else ssd.size_bytes for name in ssd.names}

    def erase(self, address: str, serial: str, method: str, timeout_s: float = 3600.0) -> None:
        self.calls.append(("erase", address, serial, method))
        ssd = self._writable("erase", address, serial)
        if method not in ("format", "format-crypto"):
            raise PrivilegedCallError("erase", f"{method!r} is not a way to erase an SSD in one command")
        if not (ssd.can_format if method == "format" else ssd.can_format and ssd.can_format_crypto):
            raise PrivilegedCallError("erase", "NVMe status: Invalid Command Opcode")
        self._wipe(ssd, method)

    def zero(
        self, address: str, serial: str, namespace: str, method: str, offset_bytes: int, length_bytes: int
    ) -> None:
        self.calls.append(("zero", address, serial, method))
        ssd = self._writable("zero", address, serial)
        if method not in ("write-zeroes", "overwrite"):
            raise PrivilegedCallError("zero", f"{method!r} is not a way to write zeros to an SSD")
        self._expect_namespace("zero", ssd, namespace)
        expect_part("zero", ssd.size_bytes, offset_bytes, length_bytes)
        if ssd.erases:
            ssd.content = zeroed(ssd.content, offset_bytes, offset_bytes + length_bytes)
            ssd.signatures = ()

    def sanitize(self, address: str, serial: str, method: str) -> None:
        self.calls.append(("sanitize", address, serial, method))
        ssd = self._writable("sanitize", address, serial, failed=True)
        if method not in _SANITIZE:
            raise PrivilegedCallError("sanitize", f"{method!r} is not a way to sanitize an SSD")
        if ssd.shared:
            raise PrivilegedCallError("sanitize", f"nvme{ssd.index} says that its NVM subsystem may have others")
        if method not in ssd.sanitizes:
            raise PrivilegedCallError("sanitize", "NVMe status: Invalid Field in Command")
        ssd.sanitize_status, ssd.sanitize_method, ssd.sanitize_left = _UNDER_WAY, method, ssd.sanitize_polls

    def sanitize_log(self, address: str, serial: str) -> str:
        """One more look brings a sanitize that is under way one step further."""
        ssd = self._identified("sanitize_log", address, serial)
        if not ssd.sanitizes:
            raise PrivilegedCallError("sanitize_log", "NVMe status: Invalid Log Page")
        progress = 65535
        if ssd.sanitize_status == _UNDER_WAY:
            if ssd.sanitize_left > 0:
                progress = 65535 - 65535 * ssd.sanitize_left // max(1, ssd.sanitize_polls, ssd.sanitize_left)
                ssd.sanitize_left -= 1
            else:
                self._end_sanitize(ssd)
        action = _SANITIZE[ssd.sanitize_method][1] if ssd.sanitize_method else 0
        sstat = {
            "global_erased": int(ssd.content == ssd.sanitized_to),
            "no_cmplted_passes": 0,
            "status": f"({ssd.sanitize_status}) Words.",
        }
        return json.dumps({f"nvme{ssd.index}": {"sprog": progress, "sstat": sstat, "cdw10_info": action}})

    def _end_sanitize(self, ssd: FakeSsd) -> None:
        ssd.sanitize_status = _FAILED if ssd.sanitize_fails else _DONE
        if not ssd.sanitize_fails:
            self._wipe(ssd, ssd.sanitize_method)
            ssd.sanitized_to = dict(ssd.content) if ssd.tells_writes else None

    def _wipe(self, ssd: FakeSsd, method: str) -> None:
        if ssd.after_erase:
            self._unbind(ssd)
            for name, value in ssd.after_erase.items():
                setattr(ssd, name, value)
            self._bind(ssd, "nvme")
        if not ssd.erases:
            return
        noise = b"\xa5\x5a" if method.endswith("-crypto") else b""
        pattern = ssd.reads_after_erase if method != "sanitize-overwrite" else b""
        left = noise or (pattern * (ssd.size_bytes // len(pattern)) if pattern else b"")
        ssd.content = {0: left} if left else {}
        ssd.signatures = ()

    def first_nonzero(self, address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int) -> int:
        ssd = self._writable("first_nonzero", address, serial)
        self._expect_namespace("first_nonzero", ssd, namespace)
        return first_nonzero(ssd.content, offset_bytes, min(ssd.size_bytes, offset_bytes + length_bytes))

    def first_unlike(self, address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int) -> int:
        ssd = self._writable("first_unlike", address, serial)
        self._expect_namespace("first_unlike", ssd, namespace)
        end = min(ssd.size_bytes, offset_bytes + length_bytes)
        block = self._part(ssd, 0, 4096)
        if not any(block):
            return first_nonzero(ssd.content, offset_bytes, end)
        expected = block * (_CHUNK_BYTES // len(block))
        parts = (
            (at, self._part(ssd, at, min(end, at + _CHUNK_BYTES))) for at in range(offset_bytes, end, _CHUNK_BYTES)
        )
        return next((at for at, part in parts if not expected.startswith(part)), -1)

    @staticmethod
    def _part(ssd: FakeSsd, begin: int, end: int) -> bytes:
        part = bytearray(end - begin)
        for at, data in ssd.content.items():
            lies = data[max(0, begin - at) : max(0, end - at)]
            part[max(0, at - begin) : max(0, at - begin) + len(lies)] = lies
        return bytes(part)

    def _writable(self, call: str, address: str, serial: str, failed: bool = False) -> FakeSsd:
        """One whose blocks can be reached: the host does not use it, and no sanitize stands in the way."""
        ssd = self._identified(call, address, serial)
        self._expect_namespaces(call, ssd)
        self._refuse_if_busy(call, ssd)
        if ssd.sanitize_status == _UNDER_WAY or (ssd.sanitize_status == _FAILED and not failed):
            raise PrivilegedCallError(call, "NVMe status: Sanitize In Progress or Sanitize Failed")
        return ssd

    @staticmethod
    def _expect_namespaces(call: str, ssd: FakeSsd) -> None:
        if not ssd.names:
            raise PrivilegedCallError(call, f"{ssd.address} has no namespace")

    @staticmethod
    def _expect_namespace(call: str, ssd: FakeSsd, namespace: str) -> None:
        if namespace not in ssd.names:
            raise PrivilegedCallError(call, f"there is no namespace {namespace!r}, but {', '.join(ssd.names)}")

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
