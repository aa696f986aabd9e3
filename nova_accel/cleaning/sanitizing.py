"""Lets an SSD sanitize itself and waits until it says how that went."""

from collections.abc import Callable

from nova_accel.cleaning.choice import Method
from nova_accel.cleaning.eraser import Progress
from nova_accel.exception import CleaningFailed
from nova_accel.host import Host
from nova_accel.parsers import nvme
from nova_accel.parsers.nvme import SANITIZE_DONE, SanitizeLog, SanitizeStatus

_POLL_S = 1.0
_DONE = (SanitizeStatus.DONE, SanitizeStatus.DONE_NOT_DEALLOCATED)


class Sanitizing:
    """One sanitize of one SSD, which goes on in it whether somebody waits or not."""

    def __init__(
        self, host: Host, address: str, serial: str, size_bytes: int, progress: Progress, sleep: Callable[[float], None]
    ) -> None:
        self._host = host
        self._address = address
        self._serial = serial
        self._size_bytes = size_bytes
        self._progress = progress
        self._sleep = sleep

    def run(self, method: Method) -> None:
        """Sanitize; what is under way already, as after a crash of ours or by a guest, is waited for and not begun again.

        :raises CleaningFailed: when the SSD says that it failed, or never began
        :raises nova_accel.exception.PrivilegedCallError: when root's side refused or failed
        :raises nova_accel.exception.ParseError: when the SSD does not say how it went
        """
        earlier = self._log()
        if earlier.status is SanitizeStatus.UNDER_WAY:
            earlier = self._ended(earlier)
            if _is_done(earlier, method):
                return
        self._progress(f"erasing ({method.value})", 0, self._size_bytes)
        self._host.sanitize(self._address, self._serial, method.value)
        log = self._log()
        began = _has_begun(log, earlier)
        log = self._ended(log)
        if not (began and _is_done(log, method)):
            how = "failed" if log.status is SanitizeStatus.FAILED else "never began"
            raise CleaningFailed(self._serial, f"{method.value} {how}, says the SSD's sanitize log")

    def _ended(self, log: SanitizeLog) -> SanitizeLog:
        while log.status is SanitizeStatus.UNDER_WAY:
            done_bytes = self._size_bytes * log.progress // SANITIZE_DONE
            self._progress(f"erasing (sanitize-{log.action})", done_bytes, self._size_bytes)
            self._sleep(_POLL_S)
            log = self._log()
        return log

    def _log(self) -> SanitizeLog:
        return nvme.parse_sanitize_log(self._host.sanitize_log(self._address, self._serial))


def _has_begun(log: SanitizeLog, earlier: SanitizeLog) -> bool:
    """Whether a log that was read right after the command can be of it: it has no number, and "done" may be of an earlier one."""
    changed = (log.status, log.action) != (earlier.status, earlier.action)
    return changed or log.status is SanitizeStatus.UNDER_WAY or log.is_untouched


def _is_done(log: SanitizeLog, method: Method) -> bool:
    return log.status in _DONE and f"sanitize-{log.action}" == method.value
