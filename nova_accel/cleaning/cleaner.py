"""Brings handles back to available: those that were released by erasing, those never offered before by reading only.

Who calls it, and in which thread, is not its business.
"""

import contextlib
import threading
from collections.abc import Iterator

from oslo_log import log as logging

from nova_accel.cleaning import act
from nova_accel.exception import AccelError
from nova_accel.host import Host
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleId

LOG = logging.getLogger(__name__)

_HOLDS_DATA = "holds data that no server released, so it is not erased; erase it yourself (nvme format) to offer it"


class Cleaner:
    """Cleans one handle at a time, each by one caller at a time."""

    def __init__(self, host: Host, ledger: Ledger) -> None:
        self._host = host
        self._ledger = ledger
        self._locks: dict[HandleId, threading.Lock] = {}
        self._locks_guard = threading.Lock()
        self._tried: set[HandleId] = set()

    def clean(self, handle: HandleId, address: str) -> bool:
        """Erase and verify a released handle. Whether it ends available or not, the ledger says so.

        One that failed is tried once more after nova-compute's next start.

        :param address: where the SSD is now
        """
        with self._alone(handle):
            if not self._is_due(handle):
                return False
            self._tried.add(handle)
            self._ledger.start_cleaning(handle)
            try:
                method = act.erase_and_verify(self._host, address, handle.identity, _progress(handle))
            except AccelError as error:
                self._fail(handle, address, str(error))
                return False
            self._ledger.cleaned(handle)
            self._tried.discard(handle)
            LOG.info("%s was cleaned (%s), read back as zero and is available", handle, method.value)
            return True

    def prove(self, handle: HandleId, address: str) -> bool:
        """Read a handle that nobody released; it becomes available if it holds nothing. Nothing is written."""
        with self._alone(handle):
            entry = self._ledger.entries()[handle]
            if entry.state is not State.DIRTY or entry.may_be_erased or handle in self._tried:
                return False
            try:
                nonzero = act.find_nonzero(self._host, address, handle.identity, _progress(handle))
            except AccelError as error:
                self._ledger.explain(handle, f"could not be read: {error}")
                LOG.warning("%s is not offered: it could not be read: %s", handle, error)
                return False
            if nonzero is None:
                self._ledger.found_zero(handle)
                LOG.info("%s was read as a whole, holds nothing and is available", handle)
                return True
            self._tried.add(handle)
            self._ledger.explain(handle, f"{nonzero} {_HOLDS_DATA}")
            LOG.warning("%s is not offered: %s %s", handle, nonzero, _HOLDS_DATA)
            return False

    def _is_due(self, handle: HandleId) -> bool:
        entry = self._ledger.entries()[handle]
        if entry.state is State.CLEAN_FAILED:
            return handle not in self._tried
        return entry.state in (State.DIRTY, State.CLEANING) and entry.may_be_erased

    def _fail(self, handle: HandleId, address: str, reason: str) -> None:
        self._ledger.cleaning_failed(handle, reason)
        LOG.error("%s stays reserved: %s", handle, reason)
        # Out of the host's sight again, if it is still the one: whatever is on it is a tenant's.
        with contextlib.suppress(AccelError):
            self._host.hand_over(address, handle.identity)

    @contextlib.contextmanager
    def _alone(self, handle: HandleId) -> Iterator[None]:
        # Two threads that meet here for the first time must get the same lock.
        with self._locks_guard:
            lock = self._locks.setdefault(handle, threading.Lock())
        with lock:
            yield


def _progress(handle: HandleId) -> act.Progress:
    return lambda words: LOG.info("%s: %s", handle, words)
