"""A host made of files, behind the one border that nova_accel has."""

from collections.abc import Sequence
from pathlib import Path

from nova_accel.exception import DeviceLost, PrivilegedCallError
from tests.fakes.content import first_nonzero, first_unlike
from tests.fakes.pmem import FakeNamespace, FakePmem, FakeRegion
from tests.fakes.ssd import FakeSsd
from tests.fakes.tree import FakeTree

__all__ = ["FakeHost", "FakeSsd"]


class FakeHost(FakeTree):
    """Implements :class:`nova_accel.host.Host` over a folder; ``calls`` lists what root's side was asked."""

    def __init__(
        self,
        root: Path,
        ssds: Sequence[FakeSsd] = (),
        namespaces: Sequence[FakeNamespace] = (),
        regions: Sequence[FakeRegion] = (),
    ) -> None:
        super().__init__(root)
        self.calls: list[tuple[str, ...]] = []
        self.extra_lspci = ""
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

    def lspci(self) -> str:
        self.calls.append(("lspci",))
        lines = "".join(ssd.lspci_line() for ssd in self.ssds.values())
        return '0000:00:00.0 "0600" "8086" "29c0" -p00 "1af4" "1100"\n' + lines + self.extra_lspci

    def who_uses(self, addresses: Sequence[str]) -> dict[str, str]:
        if addresses:
            self.calls.append(("who_uses", *addresses))
        ssds = [self._on_nvme("who_uses", address) for address in addresses]
        return {ssd.address: f"/dev/{ssd.names[0]} is in use by this host" for ssd in ssds if ssd.is_busy}

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
        answers = {at: ssd.smart_log() for at, ssd in found.items() if ssd.bound_to == "nvme"}
        return {at: answer for at, answer in answers.items() if answer is not None}

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
        return self._identified("id_ctrl", address, serial).identify()

    def list_ns(self, address: str, serial: str, allocated: bool) -> str:
        return self._identified("list_ns", address, serial).namespace_list(allocated=allocated)

    def sizes(self, address: str, serial: str) -> dict[str, int]:
        ssd = self._identified("sizes", address, serial)
        self._refuse_if_busy("sizes", ssd)
        return {name: 0 if name in ssd.without_size else ssd.size_bytes for name in ssd.names}

    def erase(self, address: str, serial: str, method: str, timeout_s: float = 3600.0) -> None:
        self.calls.append(("erase", address, serial, method))
        ssd = self._writable("erase", address, serial)
        ssd.expect_format(method)
        self._wipe(ssd, method)

    def zero(
        self, address: str, serial: str, namespace: str, method: str, offset_bytes: int, length_bytes: int
    ) -> None:
        self.calls.append(("zero", address, serial, method))
        ssd = self._writable("zero", address, serial)
        if method not in ("write-zeroes", "overwrite"):
            raise PrivilegedCallError("zero", f"{method!r} is not a way to write zeros to an SSD")
        self._expect_namespace("zero", ssd, namespace)
        ssd.write_zeros(offset_bytes, length_bytes)

    def sanitize(self, address: str, serial: str, method: str) -> None:
        self.calls.append(("sanitize", address, serial, method))
        self._writable("sanitize", address, serial, failed=True).begin_sanitize(method)

    def sanitize_log(self, address: str, serial: str) -> str:
        ssd = self._identified("sanitize_log", address, serial)
        return ssd.log_of_sanitize(lambda: self._wipe(ssd, ssd.sanitize_method))

    def _wipe(self, ssd: FakeSsd, method: str) -> None:
        if ssd.after_erase:
            self._unbind(ssd)
            for name, value in ssd.after_erase.items():
                setattr(ssd, name, value)
            self._bind(ssd, "nvme")
        ssd.wipe(method)

    def first_nonzero(self, address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int) -> int:
        ssd = self._writable("first_nonzero", address, serial)
        self._expect_namespace("first_nonzero", ssd, namespace)
        return first_nonzero(ssd.content, offset_bytes, min(ssd.size_bytes, offset_bytes + length_bytes))

    def first_unlike(self, address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int) -> int:
        ssd = self._writable("first_unlike", address, serial)
        self._expect_namespace("first_unlike", ssd, namespace)
        return first_unlike(ssd.content, offset_bytes, min(ssd.size_bytes, offset_bytes + length_bytes))

    def _writable(self, call: str, address: str, serial: str, failed: bool = False) -> FakeSsd:
        """One whose blocks can be reached: the host does not use it, and no sanitize stands in the way."""
        ssd = self._identified(call, address, serial)
        self._expect_namespaces(call, ssd)
        self._refuse_if_busy(call, ssd)
        ssd.expect_no_sanitize(call, or_failed=failed)
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
        if ssd.is_busy:
            raise PrivilegedCallError(call, f"/dev/{ssd.names[0]} is in use by this host")
