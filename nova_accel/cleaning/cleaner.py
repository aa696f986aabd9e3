"""Brings handles back to available: those that were released by erasing, those never offered before by reading only.

Who calls it, and in which thread, is not its business.
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping

from oslo_log import log as logging

from nova_accel.cleaning.eraser import Eraser, Progress
from nova_accel.cleaning.pmem import NamespaceEraser
from nova_accel.cleaning.ssd import SsdEraser
from nova_accel.exception import AccelError
from nova_accel.host import Host
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import AttachHandle, HandleId, HandleKind

LOG = logging.getLogger(__name__)

_HOLDS_DATA = (
    "holds data that no server released, so it is not erased; "
    "if nobody needs it, say: nova-accel device clean --erase-foreign-data"
)


def erasers(host: Host) -> Mapping[HandleKind, Eraser]:
    """An eraser for each kind of handle that can be cleaned."""
    return {HandleKind.PCI: SsdEraser(host), HandleKind.NVDIMM: NamespaceEraser(host)}


class Cleaner:
    """Cleans one handle at a time, each by one caller at a time."""

    def __init__(self, erasers: Mapping[HandleKind, Eraser], ledger: Ledger) -> None:
        self._erasers = erasers
        self._ledger = ledger
        self._locks: dict[HandleId, threading.Lock] = {}
        self._locks_guard = threading.Lock()
        self._tried: set[HandleId] = set()

    def clean(self, handle: AttachHandle) -> bool:
        """Erase and verify a released handle. Whether it ends available or not, the ledger says so.

        One that failed is tried once more after nova-compute's next start, and whenever an operator asks for it.
        """
        with self._alone(handle.id):
            entry = self._ledger.entries()[handle.id]
            if not self._is_due(entry):
                return False
            self._tried.add(handle.id)
            self._ledger.start_cleaning(handle.id)
            try:
                method = self._erasers[handle.kind].erase_and_verify(handle, _progress(handle))
            except AccelError as error:
                self._fail(handle, str(error))
                return False
            self._ledger.cleaned(handle.id, method)
            self._tried.discard(handle.id)
            LOG.info("%s was cleaned (%s), read back as zero and is available", handle.id, method)
            return True

    def prove(self, handle: AttachHandle) -> bool:
        """Read a handle that nobody released; it becomes available if it holds nothing. Nothing is written."""
        with self._alone(handle.id):
            entry = self._ledger.entries()[handle.id]
            if not self._is_to_be_read(entry):
                return False
            try:
                return self._read(handle)
            finally:
                # Only now: who asked waits until there is an answer.
                if entry.asked is not None:
                    self._ledger.operator.heard(handle.id.identity)

    def _read(self, handle: AttachHandle) -> bool:
        try:
            nonzero = self._erasers[handle.kind].find_nonzero(handle, _progress(handle))
        except AccelError as error:
            self._ledger.explain(handle.id, f"could not be read: {error}")
            LOG.warning("%s is not offered: it could not be read: %s", handle.id, error)
            return False
        if nonzero is None:
            self._ledger.found_zero(handle.id)
            LOG.info("%s was read as a whole, holds nothing and is available", handle.id)
            return True
        self._tried.add(handle.id)
        self._ledger.explain(handle.id, f"{nonzero} {_HOLDS_DATA}")
        LOG.warning("%s is not offered: %s %s", handle.id, nonzero, _HOLDS_DATA)
        return False

    def is_due(self, entry: Entry) -> bool:
        """Whether there is something to do for a handle that was not tried since nova-compute started, or was asked for."""
        return self._is_due(entry) or self._is_to_be_read(entry)

    def _is_to_be_read(self, entry: Entry) -> bool:
        if entry.state is not State.DIRTY or entry.may_be_erased:
            return False
        return entry.asked is not None or entry.handle not in self._tried

    def _is_due(self, entry: Entry) -> bool:
        if entry.state is State.CLEAN_FAILED:
            return entry.asked is not None or entry.handle not in self._tried
        return entry.state in (State.DIRTY, State.CLEANING) and entry.may_be_erased

    def _fail(self, handle: AttachHandle, reason: str) -> None:
        self._ledger.cleaning_failed(handle.id, reason)
        LOG.error("%s stays reserved: %s", handle.id, reason)
        # Out of the host's sight again, if it is still the one: whatever is on it is a tenant's.
        with contextlib.suppress(AccelError):
            self._erasers[handle.kind].put_away(handle)

    @contextlib.contextmanager
    def _alone(self, handle: HandleId) -> Iterator[None]:
        # Two threads that meet here for the first time must get the same lock.
        with self._locks_guard:
            lock = self._locks.setdefault(handle, threading.Lock())
        with lock:
            yield


def _progress(handle: AttachHandle) -> Progress:
    return lambda words: LOG.info("%s: %s", handle.id, words)
