"""One fake NVMe SSD: what its controller says of itself, and what it does to what is on it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nova_accel.exception import PrivilegedCallError
from tests.fakes.content import expect_part, zeroed

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

    @property
    def is_busy(self) -> bool:
        """Whether the host itself uses it."""
        return bool(self.mounted_at or self.holder or self.open_elsewhere or self.mounted_elsewhere)

    def lspci_line(self) -> str:
        if not self.vendor_name:
            return f'{self.address} "0108" "{self.vendor_id}" "{self.product_id}" -r02 -p02 "1af4" "1100"\n'
        vendor = f"{self.vendor_name} [{self.vendor_id}]"
        return (
            f'{self.address} "Non-Volatile memory controller [0108]" "{vendor}" "NVMe SSD, 3.2 TB [{self.product_id}]"'
            f' -r02 -p02 "{vendor}" "Device [{self.product_id}]"\n'
        )

    def smart_log(self) -> str | None:
        """What ``nvme smart-log`` prints; None where it does not answer."""
        return None if self.smart is None else json.dumps(_WELL | self.smart)

    def identify(self) -> str:
        """What ``nvme id-ctrl`` prints."""
        answer: dict[str, Any] = {"sn": self.serial, "oacs": _OACS_FORMAT if self.can_format else 0, "oncs": 8}
        answer["fna"] = _FNA_CRYPTO if self.can_format_crypto else 0
        answer["sanicap"] = sum(_SANITIZE[method][0] for method in self.sanitizes)
        answer["cmic"] = _CMIC_CONTROLLERS if self.shared else 0
        if self.manages_namespaces:
            answer["oacs"] |= _OACS_MANAGES_NAMESPACES
            # As the tool prints 128 bits.
            answer["unvmcap"] = str(self.unallocated_bytes)
        return json.dumps(answer)

    def namespace_list(self, *, allocated: bool) -> str:
        """What ``nvme list-ns`` prints."""
        if allocated and not self.manages_namespaces:
            raise PrivilegedCallError("list_ns", "NVMe status: Invalid Field in Command")
        unseen = self.hidden if allocated or not self.manages_namespaces else ()
        numbers = sorted({*self.ids.values(), *unseen})
        return "".join(f"[{place:4}]:{number:#x}\n" for place, number in enumerate(numbers))

    def expect_format(self, method: str) -> None:
        """Refuse a format that it does not know."""
        if method not in ("format", "format-crypto"):
            raise PrivilegedCallError("erase", f"{method!r} is not a way to erase an SSD in one command")
        if not (self.can_format if method == "format" else self.can_format and self.can_format_crypto):
            raise PrivilegedCallError("erase", "NVMe status: Invalid Command Opcode")

    def wipe(self, method: str) -> None:
        """Erase all of it, in one command or in what goes on by itself."""
        if not self.erases:
            return
        noise = b"\xa5\x5a" if method.endswith("-crypto") else b""
        pattern = self.reads_after_erase if method != "sanitize-overwrite" else b""
        left = noise or (pattern * (self.size_bytes // len(pattern)) if pattern else b"")
        self.content = {0: left} if left else {}
        self.signatures = ()

    def write_zeros(self, offset_bytes: int, length_bytes: int) -> None:
        expect_part("zero", self.size_bytes, offset_bytes, length_bytes)
        if self.erases:
            self.content = zeroed(self.content, offset_bytes, offset_bytes + length_bytes)
            self.signatures = ()

    def expect_no_sanitize(self, call: str, *, or_failed: bool = False) -> None:
        """Refuse what a sanitize stands in the way of.

        :param or_failed: whether one that failed does not
        """
        if self.sanitize_status == _UNDER_WAY or (self.sanitize_status == _FAILED and not or_failed):
            raise PrivilegedCallError(call, "NVMe status: Sanitize In Progress or Sanitize Failed")

    def begin_sanitize(self, method: str) -> None:
        if method not in _SANITIZE:
            raise PrivilegedCallError("sanitize", f"{method!r} is not a way to sanitize an SSD")
        if self.shared:
            raise PrivilegedCallError("sanitize", f"nvme{self.index} says that its NVM subsystem may have others")
        if method not in self.sanitizes:
            raise PrivilegedCallError("sanitize", "NVMe status: Invalid Field in Command")
        self.sanitize_status, self.sanitize_method, self.sanitize_left = _UNDER_WAY, method, self.sanitize_polls

    def log_of_sanitize(self, wipe: Callable[[], None]) -> str:
        """What ``nvme sanitize-log`` prints; one more look brings a sanitize that is under way one step further.

        :param wipe: what it does in its last step
        """
        if not self.sanitizes:
            raise PrivilegedCallError("sanitize_log", "NVMe status: Invalid Log Page")
        progress = 65535
        if self.sanitize_status == _UNDER_WAY:
            if self.sanitize_left > 0:
                progress = 65535 - 65535 * self.sanitize_left // max(1, self.sanitize_polls, self.sanitize_left)
                self.sanitize_left -= 1
            else:
                self._end_sanitize(wipe)
        action = _SANITIZE[self.sanitize_method][1] if self.sanitize_method else 0
        sstat = {
            "global_erased": int(self.content == self.sanitized_to),
            "no_cmplted_passes": 0,
            "status": f"({self.sanitize_status}) Words.",
        }
        return json.dumps({f"nvme{self.index}": {"sprog": progress, "sstat": sstat, "cdw10_info": action}})

    def _end_sanitize(self, wipe: Callable[[], None]) -> None:
        self.sanitize_status = _FAILED if self.sanitize_fails else _DONE
        if not self.sanitize_fails:
            wipe()
            self.sanitized_to = dict(self.content) if self.tells_writes else None
