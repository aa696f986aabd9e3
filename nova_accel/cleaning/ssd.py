"""Cleans SSDs."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from oslo_log import log as logging

from nova_accel.cleaning import namespaces, verification
from nova_accel.cleaning.choice import SANITIZE, Method, choose_for_all, read_methods
from nova_accel.cleaning.eraser import Progress, Proof
from nova_accel.cleaning.sanitizing import Sanitizing
from nova_accel.exception import AccelError, CleaningFailed, DeviceLost, ParseError, PrivilegedCallError
from nova_accel.facts import pci
from nova_accel.host import Host
from nova_accel.model import AttachHandle, PciAddress
from nova_accel.parsers import nvme
from nova_accel.parsers.nvme import ControllerAbilities, SanitizeStatus

LOG = logging.getLogger(__name__)

_ZEROES = (Method.WRITE_ZEROES, Method.OVERWRITE)
_LEAVES_NOISE = (Method.SANITIZE_CRYPTO, Method.FORMAT_CRYPTO)
# The standard lets an SSD read as something else than zero after these, as all ones; most read as zero. What is not the same
# everywhere is data, and the only evidence that nothing was erased.
_MAY_LEAVE_A_PATTERN = (Method.SANITIZE_BLOCK, Method.FORMAT)


@dataclass(frozen=True)
class _Ssd:
    """One SSD while it is worked on."""

    address: str
    serial: str
    sizes: Mapping[str, int]
    hidden: tuple[int, ...]
    """Numbers of the namespaces that it has and this host does not see."""
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
        self._host.bring_back(address, serial)
        abilities = self._abilities(handle)
        ssd = self._look(handle, abilities, progress)
        outside = namespaces.outside(ssd.hidden, abilities.unallocated_bytes)
        method = choose_for_all(self._methods, abilities, outside, serial)
        self._erase(ssd, method)
        # What is there now is read, not what was there before.
        ssd = self._look(handle, abilities, progress)
        if method not in SANITIZE and ssd.hidden:
            raise CleaningFailed(serial, f"{namespaces.outside(ssd.hidden, 0)}, came to it while it was erased")
        done = self._zero_too(ssd, method) if method in _LEAVES_NOISE else method.value
        nonzero = self._nonzero(ssd, self._verify)
        if nonzero is not None and method in _MAY_LEAVE_A_PATTERN and self._is_pattern(ssd):
            done = self._zero_too(ssd, method)
            nonzero = self._nonzero(ssd, self._verify)
        if nonzero is not None:
            raise CleaningFailed(serial, f"{method.value} reported success, but {nonzero} still holds data")
        self._host.settle(address)
        _warn_of_room(serial, ssd, abilities.unallocated_bytes)
        return Proof(
            done,
            verification.in_words(self._verify, namespaces.outside(ssd.hidden, abilities.unallocated_bytes)),
        )

    def verify(self, handle: AttachHandle, progress: Progress) -> str:
        """See :class:`nova_accel.cleaning.eraser.Eraser`."""
        self._host.bring_back(handle.address, handle.id.identity)
        abilities = self._abilities(handle)
        ssd = self._look(handle, abilities, progress)
        if ssd.hidden:
            raise CleaningFailed(
                ssd.serial,
                f"it was said to be clean, but {namespaces.outside(ssd.hidden, 0)}, cannot be read back; {namespaces.MAKE_ONE}",
            )
        room = namespaces.outside((), abilities.unallocated_bytes)
        if room and not self._is_sanitized(handle):
            raise CleaningFailed(
                ssd.serial,
                f"it was said to be clean, but {room} cannot be read back, and it does not say that it was sanitized and nothing "
                f"written since; {namespaces.MAKE_ONE} and have it cleaned, or let nova-compute: nova-accel device clean {ssd.serial}",
            )
        nonzero = self._nonzero(ssd, self._verify)
        if nonzero is not None:
            raise CleaningFailed(ssd.serial, f"it was said to be clean, but {nonzero} still holds data")
        self._host.settle(handle.address)
        _warn_of_room(ssd.serial, ssd, abilities.unallocated_bytes)
        return verification.in_words(self._verify, room)

    def _is_sanitized(self, handle: AttachHandle) -> bool:
        """Whether the SSD says that it was sanitized, by whomever, and that nothing was written since."""
        try:
            log = nvme.parse_sanitize_log(self._host.sanitize_log(handle.address, handle.id.identity))
        except DeviceLost:
            raise
        except (ParseError, PrivilegedCallError):  # it has no such log
            return False
        return log.is_untouched and log.status in (SanitizeStatus.DONE, SanitizeStatus.DONE_NOT_DEALLOCATED)

    def find_nonzero(self, handle: AttachHandle, progress: Progress) -> str | None:
        """Read every namespace of the controller; what nobody can read on it may hold something.

        One that we gave to vfio-pci, as the ledger was put back to before that, is brought back for it, and put away if it is not empty.
        """
        if not self._is_on_vfio(handle):
            return self._look_for_data(handle, progress)
        self._host.bring_back(handle.address, handle.id.identity)
        try:
            nonzero = self._look_for_data(handle, progress)
        except DeviceLost:
            raise
        except AccelError:
            self._put_away_if_possible(handle)
            raise
        if nonzero is None:
            self._host.settle(handle.address)
        else:
            self.put_away(handle)
        return nonzero

    def _is_on_vfio(self, handle: AttachHandle) -> bool:
        facts = pci.read(self._host.roots, PciAddress.parse(handle.address))
        return facts is not None and facts.kernel_driver == "vfio-pci"

    def _look_for_data(self, handle: AttachHandle, progress: Progress) -> str | None:
        abilities = self._abilities(handle)
        ssd = self._look(handle, abilities, progress)
        # What was sanitized, and not written to since, holds nothing anywhere.
        room_bytes = 0 if abilities.unallocated_bytes and self._is_sanitized(handle) else abilities.unallocated_bytes
        outside = namespaces.outside(ssd.hidden, room_bytes)
        return f"perhaps what is in {outside}," if outside else self._nonzero(ssd, verification.WHOLE)

    def size_bytes(self, handle: AttachHandle) -> int:
        """All namespaces together."""
        return sum(self._host.sizes(handle.address, handle.id.identity).values())

    def put_away(self, handle: AttachHandle) -> None:
        """Bind it to vfio-pci again, if it is still the one."""
        self._host.hand_over(handle.address, handle.id.identity)

    def _put_away_if_possible(self, handle: AttachHandle) -> None:
        """After a failure, which is what to tell of; only that it hangs now is worse.

        :raises DeviceLost: when it hangs
        """
        try:
            self.put_away(handle)
        except DeviceLost:
            raise
        except AccelError as refusal:
            LOG.warning("%s could not be put out of the host's sight: %s", handle.id, refusal)

    def _abilities(self, handle: AttachHandle) -> ControllerAbilities:
        return nvme.parse_id_ctrl(self._host.id_ctrl(handle.address, handle.id.identity))

    def _look(self, handle: AttachHandle, abilities: ControllerAbilities, progress: Progress) -> _Ssd:
        address, serial = handle.address, handle.id.identity
        found = namespaces.look(self._host, address, serial, abilities, self._sleep)
        return _Ssd(address, serial, found.sizes, found.hidden, progress)

    def _erase(self, ssd: _Ssd, method: Method) -> None:
        if method in SANITIZE:
            Sanitizing(self._host, ssd.address, ssd.serial, ssd.size_bytes, ssd.progress, self._sleep).run(method)
        elif method in _ZEROES:
            self._zero(ssd, method)
        else:
            left_s = ssd.progress(f"erasing ({method.value})", 0, ssd.size_bytes)
            self._host.erase(ssd.address, ssd.serial, method.value, left_s)

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
        return self._find(ssd, how, self._host.first_nonzero)

    def _is_pattern(self, ssd: _Ssd) -> bool:
        """Whether each namespace reads as one block over and over."""
        return self._find(ssd, self._verify, self._host.first_unlike) is None

    def _find(self, ssd: _Ssd, how: str, first: Callable[[str, str, str, int, int], int]) -> str | None:
        chosen = {name: verification.slices(size_bytes, how, self._chance) for name, size_bytes in ssd.sizes.items()}
        total_bytes = sum(part.length_bytes for parts in chosen.values() for part in parts)
        done_bytes = 0
        for namespace, parts in chosen.items():
            for part in parts:
                ssd.progress("reading", done_bytes, total_bytes)
                found = first(ssd.address, ssd.serial, namespace, part.offset_bytes, part.length_bytes)
                if found >= 0:
                    return f"{namespace} at byte {found}"
                done_bytes += part.length_bytes
        ssd.progress("reading", done_bytes, total_bytes)
        return None


def _warn_of_room(serial: str, ssd: _Ssd, unallocated_bytes: int) -> None:
    """Say of an SSD, as of one whose namespace a guest made anew, that its next server does not get all of it."""
    if unallocated_bytes:
        LOG.warning(
            "A server that gets %s gets %d bytes: %d bytes of it are in none of its namespaces; drain it and %s",
            serial,
            ssd.size_bytes,
            unallocated_bytes,
            namespaces.MAKE_ONE,
        )
