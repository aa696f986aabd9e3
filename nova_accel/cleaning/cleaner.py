"""Brings handles back to available: those that were released by erasing, those never offered before by reading only.

Who calls it, and in which thread, is not its business.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from oslo_log import log as logging

from nova_accel.cleaning import due, retries, verification
from nova_accel.cleaning.attempt import Attempt, Ended
from nova_accel.cleaning.due import Work
from nova_accel.cleaning.eraser import Eraser, Proof
from nova_accel.cleaning.policy import Policy
from nova_accel.cleaning.record import RecordFile, RecordNotWritten
from nova_accel.cleaning.tries import Tries
from nova_accel.exception import AccelError, DeviceLost, HandleUnavailable
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger
from nova_accel.model import AttachHandle, HandleId, HandleKind

LOG = logging.getLogger(__name__)

_HOLDS_DATA = (
    "holds data that no server released, so it is not erased; "
    "if nobody needs it, say: nova-accel device clean {} --erase-foreign-data"
)
_CLEAN = "clean"
# It may have been in a guest that nobody knows of any more, as where the ledger was lost; find_nonzero reads all of it.
_READ_ONLY = Proof("read only", verification.in_words(verification.WHOLE))
_UNPROVEN = "offered again with what is on it: clean_methods is none"


class Cleaner:
    """Cleans one handle at a time, each by one caller at a time."""

    def __init__(
        self,
        erasers: Mapping[HandleKind, Eraser],
        ledger: Ledger,
        policy: Policy | None = None,
        record: RecordFile | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Clean nothing yet.

        :param clock: the time now, with its zone
        """
        self._erasers = erasers
        self._ledger = ledger
        self._policy = policy or Policy()
        self._record = record or RecordFile("")
        self._clock = clock
        self._locks: dict[HandleId, threading.Lock] = {}
        self._locks_guard = threading.Lock()
        self._tries = Tries()

    def work(self, entry: Entry, incarnation: str | None) -> Work:
        """What is to be done to a handle now.

        :param incarnation: of the device that has it; None while there is none
        """
        tried = self._tries.last(entry.handle)
        return due.work(entry, incarnation, tried, one_time_use=self._policy.one_time_use, now=self._clock())

    def settle(self, handle: AttachHandle) -> bool:
        """Do what is to be done: whether it ends available or not, the ledger says so.

        :returns: whether it became available
        """
        with self._alone(handle.id):
            entry = self._ledger.entries()[handle.id]
            wanted = self.work(entry, handle.incarnation)
            if wanted is Work.NOTHING:
                return False
            self._tries.begin(handle, entry)
            if wanted is Work.PROVE:
                return self._prove(handle, entry)
            if not self._policy.erase and wanted is Work.ERASE:
                return self._pass_on(handle, entry)
            return self._clean(handle, entry, wanted)

    def wipe(self, handle: AttachHandle, server: str) -> None:
        """Erase what a server has, and will have again: it is rebuilt. It stays that server's all the time.

        :raises HandleUnavailable: when the server does not have it, or it is quarantined
        :raises AccelError: when it could not be proven clean
        """
        with self._alone(handle.id):
            entry = self._ledger.entries()[handle.id]
            if entry.state is not State.ASSIGNED or entry.server != server:
                raise HandleUnavailable(handle.id.identity, server, f"it is {entry.state.value}, so it is not wiped")
            if entry.is_quarantined:
                raise HandleUnavailable(
                    handle.id.identity,
                    server,
                    f"it is {entry.drained}; until nova-accel device undrain {handle.id.identity} nothing touches it",
                )
            attempt = self._attempt(handle)
            try:
                proof = self._erase(handle, attempt)
                self._note_success(handle, attempt, entry, proof)
            except AccelError as error:
                self._put_aside(handle, error)
                self._ledger.wiping_failed(handle.id, f"could not be cleaned for a rebuild of its server: {error}")
                self._note_failure(handle, attempt, entry, error)
                raise
            self._ledger.wiped(handle.id, f"{proof.method}, then {proof.verified}")

    def _clean(self, handle: AttachHandle, entry: Entry, wanted: Work) -> bool:
        self._ledger.start_cleaning(handle.id)
        attempt = self._attempt(handle)
        try:
            proof = self._proof(handle, attempt, entry, wanted)
            self._note_success(handle, attempt, entry, proof)
        except AccelError as error:
            self._fail(handle, attempt, entry, error)
            return False
        self._ledger.cleaned(handle.id, f"{proof.method}, then {proof.verified}")
        self._tries.forget(handle.id)
        LOG.info("%s was cleaned (%s, then %s) and is available", handle.id, proof.method, proof.verified)
        return True

    def _pass_on(self, handle: AttachHandle, entry: Entry) -> bool:
        """Offer it as it is. It is not touched: an SSD stays on vfio-pci, where the host does not see what is on it."""
        self._ledger.start_cleaning(handle.id)
        record = self._attempt(handle).record(Ended("none", "not read", _UNPROVEN), entry.server)
        try:
            self._record.add(handle, record, handle.size_bytes)
        except AccelError as error:
            self._reserve(handle, entry, error, by_itself=True)
            return False
        self._ledger.cleanings.ended(record)
        self._ledger.cleaned(handle.id, _UNPROVEN, unproven=True)
        self._tries.forget(handle.id)
        LOG.warning("%s is %s", handle.id, _UNPROVEN)
        return True

    def _proof(self, handle: AttachHandle, attempt: Attempt, entry: Entry, wanted: Work) -> Proof:
        if wanted is Work.READ_BACK:
            return Proof(f"by {entry.done_by}", self._erasers[handle.kind].verify(handle, attempt.progress))
        return self._erase(handle, attempt)

    def _erase(self, handle: AttachHandle, attempt: Attempt) -> Proof:
        # Erasing it for a line that cannot be written would be for nothing, and again and again.
        self._record.refuse_if_unwritable()
        return self._erasers[handle.kind].erase_and_verify(handle, attempt.progress)

    def _prove(self, handle: AttachHandle, entry: Entry) -> bool:
        try:
            return self._read(handle, entry)
        finally:
            self._ledger.cleanings.over(handle.id.identity)
            # Only now: who asked waits until there is an answer.
            if entry.asked is not None:
                self._ledger.operator.heard(handle.id.identity)

    def _read(self, handle: AttachHandle, entry: Entry) -> bool:
        attempt = self._attempt(handle)
        try:
            nonzero = self._erasers[handle.kind].find_nonzero(handle, attempt.progress)
            if nonzero is not None:
                self._note_data(handle, nonzero)
                return False
            self._note_success(handle, attempt, entry, _READ_ONLY)
            self._ledger.found_zero(handle.id)
        except AccelError as error:
            self._note_unread(handle, error)
            return False
        self._tries.forget(handle.id)
        LOG.info("%s was read as a whole, holds nothing and is available", handle.id)
        return True

    def _note_data(self, handle: AttachHandle, nonzero: str) -> None:
        reason = f"{nonzero} {_HOLDS_DATA.format(handle.id.identity)}"
        LOG.warning("%s is not offered: %s", handle.id, reason)
        self._ledger.explain(handle.id, reason)

    def _note_unread(self, handle: AttachHandle, error: AccelError) -> None:
        # Before anything is written: perhaps it is the ledger that cannot be.
        self._tries.failed(handle.id, self._clock())
        if isinstance(error, DeviceLost):
            self._quarantine(handle, error, "as it was read")
            # The quarantine keeps it from being read; once an operator ends that, it is read at once.
            self._tries.forget(handle.id)
        what = "is not offered without its record" if isinstance(error, RecordNotWritten) else "could not be read"
        LOG.warning("%s is not offered: it %s: %s", handle.id, what, error)
        self._ledger.explain(handle.id, f"{what}: {error}")

    def _fail(self, handle: AttachHandle, attempt: Attempt, entry: Entry, error: AccelError) -> None:
        may_be_touched = self._put_aside(handle, error)
        self._reserve(handle, entry, error, by_itself=may_be_touched and not self._policy.one_time_use)
        self._note_failure(handle, attempt, entry, error)

    def _reserve(self, handle: AttachHandle, entry: Entry, error: AccelError, *, by_itself: bool) -> None:
        """Note why it stays reserved, and when it is tried again by itself, if it is."""
        retry_at = self._retry_at(entry.failures + 1, error) if by_itself else None
        again = f"not tried again by itself, but by: nova-accel device clean {handle.id.identity}"
        then = f"tried again at {retry_at}" if retry_at else again
        self._ledger.cleaning_failed(handle.id, f"{error}; {then}", retry_at)
        LOG.error("%s stays reserved: %s; %s", handle.id, error, then)

    def _retry_at(self, failures: int, error: AccelError) -> str | None:
        if isinstance(error, RecordNotWritten):  # there is nothing wrong with the device
            return retries.after(failures, self._clock())
        return retries.next_at(failures, self._policy.attempts, self._clock())

    def _put_aside(self, handle: AttachHandle, error: AccelError) -> bool:
        """Put what failed out of the host's sight, as a tenant's data may be on it; quarantine it if it hangs, then or before.

        It comes before all that is noted of the failure, which may not be possible.

        :returns: whether it may be touched again
        """
        if isinstance(error, DeviceLost):
            self._quarantine(handle, error, "as it was cleaned")
            return False
        try:
            self._erasers[handle.kind].put_away(handle)
        except DeviceLost as lost:
            self._quarantine(handle, lost, "as it was put out of the host's sight")
            return False
        except AccelError as refusal:
            LOG.warning("%s could not be put out of the host's sight: %s", handle.id, refusal)
        return True

    def _quarantine(self, handle: AttachHandle, lost: DeviceLost, when: str) -> None:
        """Have nothing touch it any more until an operator ends that."""
        self._ledger.quarantine(handle.id, str(lost))
        LOG.error("%s is quarantined: it was lost %s: %s", handle.id, when, lost)

    def _note_success(self, handle: AttachHandle, attempt: Attempt, entry: Entry, proof: Proof) -> None:
        record = attempt.record(Ended(proof.method, proof.verified, _CLEAN), entry.server)
        self._record.add(handle, record, self._size_bytes(handle))
        self._ledger.cleanings.ended(record)

    def _note_failure(self, handle: AttachHandle, attempt: Attempt, entry: Entry, error: AccelError) -> None:
        record = attempt.record(Ended("", "", str(error)), entry.server)
        self._ledger.cleanings.ended(record)
        try:
            self._record.add(handle, record, handle.size_bytes)
        except AccelError as not_written:
            LOG.error("%s", not_written)

    def _size_bytes(self, handle: AttachHandle) -> int | None:
        try:
            return self._erasers[handle.kind].size_bytes(handle)
        except AccelError as error:
            LOG.warning("The size of %s is not known for the record: %s", handle.id, error)
            return handle.size_bytes

    def _attempt(self, handle: AttachHandle) -> Attempt:
        return Attempt(self._ledger, handle, self._policy.timeout_s, self._policy.version)

    @contextlib.contextmanager
    def _alone(self, handle: HandleId) -> Iterator[None]:
        # Two threads that meet here for the first time must get the same lock.
        with self._locks_guard:
            lock = self._locks.setdefault(handle, threading.Lock())
        with lock:
            yield
