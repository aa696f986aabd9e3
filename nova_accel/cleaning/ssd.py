"""Cleans SSDs."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nova_accel.cleaning import verification
from nova_accel.cleaning.choice import SANITIZE, Method, choose_for_all, read_methods
from nova_accel.cleaning.eraser import Progress, Proof
from nova_accel.cleaning.sanitizing import Sanitizing
from nova_accel.exception import CleaningFailed
from nova_accel.host import Host
from nova_accel.model import AttachHandle
from nova_accel.parsers import nvme

_ZEROES = (Method.WRITE_ZEROES, Method.OVERWRITE)
_LEAVES_NOISE = (Method.SANITIZE_CRYPTO, Method.FORMAT_CRYPTO)
# The standard lets an SSD read as anything after these, as all ones; most read as zero.
_MAY_LEAVE_A_PATTERN = (Method.SANITIZE_BLOCK, Method.FORMAT)


@dataclass(frozen=True)
class _Ssd:
    """One SSD while it is worked on."""

    address: str
    serial: str
    sizes: Mapping[str, int]
    progress: Progress

    @property
    def size_bytes(self) -> int:
        return sum(self.sizes.values())


class SsdEraser:
    """Erases an SSD as its controller offers it; afterwards it is free on the kernel's nvme driver, unmarked."""

    def __init__(
        self,
        host: Host,
        methods: Sequence[str],
        verify: str,
        sleep: Callable[[float], None] = time.sleep,
        chance: random.Random | None = None,
    ) -> None:
        """Read the options; nothing is touched yet.

        :param methods: of the option ``clean_methods``
        :param verify: of the option ``clean_verify``
        :raises nova_accel.exception.ConfigurationError: when ``methods`` cannot be right
        """
        self._host = host
        self._methods = read_methods(methods)
        self._verify = verify
        self._sleep = sleep
        self._chance = chance or random.SystemRandom()

    def erase_and_verify(self, handle: AttachHandle, progress: Progress) -> Proof:
        """See :class:`nova_accel.cleaning.eraser.Eraser`.

        :raises nova_accel.exception.ParseError: when the controller does not say what it can
        """
        address, serial = handle.address, handle.id.identity
        self._host.bring_back(address)
        abilities = nvme.parse_id_ctrl(self._host.id_ctrl(address, serial))
        ssd = self._look(handle, progress)
        method = choose_for_all(self._methods, abilities, ssd.size_bytes, serial)
        done = self._erase(ssd, method)
        nonzero = self._nonzero(ssd, self._verify)
        if nonzero is not None and method in _MAY_LEAVE_A_PATTERN:
            done = self._zero_too(ssd, method)
            nonzero = self._nonzero(ssd, self._verify)
        if nonzero is not None:
            raise CleaningFailed(serial, f"{method.value} reported success, but {nonzero} still holds data")
        self._host.settle(address)
        return Proof(done, verification.in_words(self._verify))

    def verify(self, handle: AttachHandle, progress: Progress) -> str:
        """See :class:`nova_accel.cleaning.eraser.Eraser`."""
        self._host.bring_back(handle.address)
        nonzero = self._nonzero(self._look(handle, progress), self._verify)
        if nonzero is not None:
            raise CleaningFailed(handle.id.identity, f"it was said to be clean, but {nonzero} still holds data")
        self._host.settle(handle.address)
        return verification.in_words(self._verify)

    def find_nonzero(self, handle: AttachHandle, progress: Progress) -> str | None:
        """Read every namespace of the controller."""
        return self._nonzero(self._look(handle, progress), verification.WHOLE)

    def size_bytes(self, handle: AttachHandle) -> int:
        """All namespaces together."""
        return sum(self._host.sizes(handle.address, handle.id.identity).values())

    def put_away(self, handle: AttachHandle) -> None:
        """Bind it to vfio-pci again, if it is still the one."""
        self._host.hand_over(handle.address, handle.id.identity)

    def _look(self, handle: AttachHandle, progress: Progress) -> _Ssd:
        address, serial = handle.address, handle.id.identity
        ssd = _Ssd(address, serial, dict(sorted(self._host.sizes(address, serial).items())), progress)
        if not ssd.size_bytes:
            raise CleaningFailed(serial, "it has no namespace with anything in it, so nothing can be read back")
        return ssd

    def _erase(self, ssd: _Ssd, method: Method) -> str:
        """Erase, and say what was done."""
        if method in SANITIZE:
            Sanitizing(self._host, ssd.address, ssd.serial, ssd.size_bytes, ssd.progress, self._sleep).run(method)
        elif method in _ZEROES:
            self._zero(ssd, method)
        else:
            ssd.progress(f"erasing ({method.value})", 0, ssd.size_bytes)
            self._host.erase(ssd.address, ssd.serial, method.value)
        return self._zero_too(ssd, method) if method in _LEAVES_NOISE else method.value

    def _zero_too(self, ssd: _Ssd, method: Method) -> str:
        self._zero(ssd, Method.WRITE_ZEROES)
        return f"{method.value}, then {Method.WRITE_ZEROES.value}"

    def _zero(self, ssd: _Ssd, method: Method) -> None:
        words, done_bytes = f"erasing ({method.value})", 0
        for namespace, size_bytes in ssd.sizes.items():
            for part in verification.whole(size_bytes):
                ssd.progress(words, done_bytes, ssd.size_bytes)
                self._host.zero(ssd.address, ssd.serial, namespace, method.value, part.offset_bytes, part.length_bytes)
                done_bytes += part.length_bytes
        ssd.progress(words, done_bytes, ssd.size_bytes)

    def _nonzero(self, ssd: _Ssd, how: str) -> str | None:
        """Where the first data lies of what is read."""
        chosen = {name: verification.slices(size_bytes, how, self._chance) for name, size_bytes in ssd.sizes.items()}
        total_bytes = sum(part.length_bytes for parts in chosen.values() for part in parts)
        done_bytes = 0
        for namespace, parts in chosen.items():
            for part in parts:
                ssd.progress("reading", done_bytes, total_bytes)
                found = self._host.first_nonzero(
                    ssd.address, ssd.serial, namespace, part.offset_bytes, part.length_bytes
                )
                if found >= 0:
                    return f"{namespace} at byte {found}"
                done_bytes += part.length_bytes
        ssd.progress("reading", done_bytes, total_bytes)
        return None
