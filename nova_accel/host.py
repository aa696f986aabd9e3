"""The border to the machine: everything that needs root, and where the rest is read. Tests replace this one object."""

import functools
from collections.abc import Callable, Sequence
from typing import ParamSpec, Protocol, TypeVar

from oslo_privsep.comm import PrivsepTimeout
from oslo_privsep.daemon import FailedToDropPrivileges, ProtocolError

from nova_accel.exception import DeviceLost, PrivilegedCallError
from nova_accel.facts.roots import Roots
from nova_accel.privsep import binding, dax, erasing, health, links, reading, sanitizing, using
from nova_accel.privsep.errors import Failed, Lost, Refused

P = ParamSpec("P")
R = TypeVar("R")


class Host(Protocol):
    """What nova_accel asks of the machine it runs on. Every call raises :class:`PrivilegedCallError` when it was not done."""

    roots: Roots

    def lspci(self) -> str:
        """Every PCI function, as ``lspci -Dnmm`` prints it."""

    def who_uses(self, addresses: Sequence[str]) -> dict[str, str]:
        """A sentence for each of these SSDs that the host uses: held against an exclusive open, or open for writing."""

    def signatures(self, addresses: Sequence[str]) -> dict[str, list[str]]:
        """Types of the signatures on the SSDs' disks and partitions as wipefs names them, such as ``LVM2_member``.

        One that the nvme driver does not run is left out; one that could not be read has ``unreadable`` among them.
        """

    def mounted_elsewhere(self, addresses: Sequence[str]) -> dict[str, str]:
        """Words on a mount of an SSD or its partition in another mount namespace: ``/mnt in the mount namespace of sh (process 123)``."""

    def hand_over(self, address: str, serial: str) -> None:
        """Bind the SSD to vfio-pci after a last check on root's side; repeated without harm."""

    def bring_back(self, address: str, serial: str = "") -> None:
        """Bind the SSD to nvme, marked so that udev leaves it alone; what nvme has already must be unused, and the one with ``serial``."""

    def settle(self, address: str) -> None:
        """Take the mark off a clean SSD."""

    def id_ctrl(self, address: str, serial: str) -> str:
        """What ``nvme id-ctrl -o json`` prints."""

    def list_ns(self, address: str, serial: str, allocated: bool) -> str:
        """What ``nvme list-ns`` prints: all namespaces of the NVM subsystem, or those that are attached to the SSD's controller."""

    def sizes(self, address: str, serial: str) -> dict[str, int]:
        """Size in bytes of each namespace."""

    def erase(self, address: str, serial: str, method: str, timeout_s: float) -> None:
        """Erase every namespace in one command of the controller's, ``format`` or ``format-crypto``, in so many seconds."""

    def zero(
        self, address: str, serial: str, namespace: str, method: str, offset_bytes: int, length_bytes: int
    ) -> None:
        """Make a part of a namespace zero, durably: ``write-zeroes`` or ``overwrite``."""

    def sanitize(self, address: str, serial: str, method: str) -> None:
        """Have the controller begin ``sanitize-block``, ``sanitize-crypto`` or ``sanitize-overwrite``."""

    def sanitize_log(self, address: str, serial: str) -> str:
        """What ``nvme sanitize-log -o json`` prints."""

    def smart_logs(self, addresses: Sequence[str]) -> dict[str, str]:
        """What ``nvme smart-log -o json`` prints of each of these SSDs; one that could not be asked is left out."""

    def first_nonzero(self, address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int) -> int:
        """Where the first 4 MiB chunk lies that is not all zero; -1 when there is none."""

    def first_unlike(self, address: str, serial: str, namespace: str, offset_bytes: int, length_bytes: int) -> int:
        """Where the first 4 MiB chunk lies that is not the namespace's first 4 KiB over and over; -1 when there is none."""

    def ndctl(self) -> str:
        """What ``ndctl list -NRDvi`` prints; a missing ndctl is an error."""

    def namespace_users(self, devs: Sequence[str]) -> dict[str, str]:
        """A sentence for each of these PMEM namespaces that something on the host uses.

        That is: a process that has its dax device open or mapped, also one that was disabled or deleted meanwhile; its block device
        mounted, held or open for writing.
        """

    def check_namespace(self, dev: str, uuid: str) -> str:
        """The path of the dax device, after the last check before a guest: identity, devdax and enabled, used by nobody.

        :param dev: the namespace's name now, such as ``namespace0.1``
        :param uuid: of the namespace's label
        """

    def namespace_size(self, dev: str, uuid: str) -> int:
        """Size in bytes of the dax device."""

    def zero_namespace(self, dev: str, uuid: str, offset_bytes: int, length_bytes: int) -> None:
        """Write zeros to a part of the dax device, durably; refused like :meth:`check_namespace`."""

    def link_namespace(self, dev: str, uuid: str) -> str:
        """Make the stable path of the dax device, ``/dev/nova_accel/<uuid>``, and return it; repeated without harm."""

    def namespace_first_nonzero(self, dev: str, uuid: str, offset_bytes: int, length_bytes: int) -> int:
        """Where the first 4 MiB chunk lies that is not all zero; -1 when there is none."""


# What these do has time limits of its own, which are shorter: what does not end then is the kernel, waiting for the device.
_READING = {"id_ctrl", "list_ns", "sizes", "sanitize_log", "first_nonzero", "first_unlike"}
_HANGS_WITH_THE_DEVICE = frozenset({"hand_over", "bring_back", "erase", "zero", "sanitize", *_READING})


def _called(function: Callable[P, R]) -> Callable[P, R]:
    """Turn what can go wrong on the way to root's side, or there, into one error."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Lost as error:
            raise DeviceLost(function.__name__, str(error)) from error
        except (Refused, Failed) as error:
            raise PrivilegedCallError(function.__name__, str(error)) from error
        except PrivsepTimeout as error:
            failure = DeviceLost if function.__name__ in _HANGS_WITH_THE_DEVICE else PrivilegedCallError
            raise failure(function.__name__, "the privsep daemon did not answer in time") from error
        except (FailedToDropPrivileges, ProtocolError, OSError) as error:
            raise PrivilegedCallError(
                function.__name__, f"the privsep daemon cannot be used ({error}); check the sudoers or rootwrap snippet"
            ) from error

    return call


class LocalHost:
    """The machine that nova-compute runs on, through oslo.privsep."""

    def __init__(self) -> None:
        self.roots = Roots()
        self.lspci = _called(reading.lspci)
        self.hand_over = _called(binding.hand_over)
        self.bring_back = _called(binding.bring_back)
        self.settle = _called(binding.settle)
        self.id_ctrl = _called(erasing.id_ctrl)
        self.list_ns = _called(erasing.list_ns)
        self.sizes = _called(erasing.sizes)
        self.erase = _called(erasing.erase)
        self.zero = _called(erasing.zero)
        self.sanitize = _called(sanitizing.sanitize)
        self.sanitize_log = _called(sanitizing.sanitize_log)
        self.first_nonzero = _called(erasing.first_nonzero)
        self.first_unlike = _called(erasing.first_unlike)
        self.ndctl = _called(reading.ndctl)
        self.check_namespace = _called(dax.check_namespace)
        self.link_namespace = _called(links.link_namespace)
        self.namespace_size = _called(dax.namespace_size)
        self.zero_namespace = _called(dax.zero_namespace)
        self.namespace_first_nonzero = _called(dax.namespace_first_nonzero)

    def who_uses(self, addresses: Sequence[str]) -> dict[str, str]:
        """Ask both contexts; what holds a disk says more than what writes to it."""
        if not addresses:
            return {}
        users: dict[str, str] = _called(using.who_writes)(list(addresses))
        holders: dict[str, str] = _called(reading.who_holds)(list(addresses))
        return users | holders

    def signatures(self, addresses: Sequence[str]) -> dict[str, list[str]]:
        """Ask nothing where there is nothing to ask about."""
        return _called(reading.signatures)(list(addresses)) if addresses else {}

    def smart_logs(self, addresses: Sequence[str]) -> dict[str, str]:
        """Ask nothing where there is nothing to ask about."""
        return _called(health.smart_logs)(list(addresses)) if addresses else {}

    def mounted_elsewhere(self, addresses: Sequence[str]) -> dict[str, str]:
        """Ask nothing where there is nothing to ask about."""
        return _called(using.mounted_elsewhere)(list(addresses)) if addresses else {}

    def namespace_users(self, devs: Sequence[str]) -> dict[str, str]:
        """Ask nothing where there is nothing to ask about."""
        return _called(using.namespace_users)(list(devs)) if devs else {}
