"""One attempt to clean a device: its time limit, how far it is, and how it ended."""

import time
from dataclasses import dataclass

from oslo_log import log as logging

from nova_accel.cleaning import progress
from nova_accel.exception import CleaningFailed
from nova_accel.ledger.cleanings import CleaningRecord, Underway
from nova_accel.ledger.file import now
from nova_accel.ledger.store import Ledger
from nova_accel.model import AttachHandle

LOG = logging.getLogger(__name__)

_NOTE_EVERY_S = 5.0
_LOG_EVERY_S = 60.0


@dataclass(frozen=True)
class Ended:
    """How an attempt ended, but for whom and when."""

    method: str
    verified: str
    result: str


class Attempt:
    """Begins when it is made; :meth:`progress` is handed to the eraser."""

    def __init__(self, ledger: Ledger, handle: AttachHandle, timeout_s: float, version: str) -> None:
        self._ledger = ledger
        self._handle = handle
        self._timeout_s = timeout_s
        self._version = version
        self._began = now()
        self._until_s = time.monotonic() + timeout_s
        self._words = ""
        self._words_began = self._began
        self._noted_s = self._logged_s = float("-inf")

    def progress(self, words: str, done_bytes: int, total_bytes: int) -> float:
        """Note how far it is, for the operator; see :data:`nova_accel.cleaning.eraser.Progress`.

        :returns: how many seconds are left
        :raises CleaningFailed: when the time is over
        """
        if time.monotonic() > self._until_s:
            raise CleaningFailed(
                self._handle.id.identity,
                f"it was not done after {self._timeout_s:g} s ([nova_accel] clean_timeout); the last it did was {self._words or words}",
            )
        new = words != self._words
        if new:
            self._words, self._words_began = words, now()
        doing = Underway(self._handle.id.identity, words, done_bytes, total_bytes, self._words_began)
        if new or time.monotonic() - self._noted_s >= _NOTE_EVERY_S:
            self._noted_s = time.monotonic()
            self._ledger.cleanings.note(doing)
        if new or time.monotonic() - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = time.monotonic()
            LOG.info("%s: %s%s", self._handle.id, progress.in_words(doing, progress.now()), _share(doing))
        return max(0.0, self._until_s - time.monotonic())

    def record(self, ended: Ended, server: str | None) -> CleaningRecord:
        """What is kept of it."""
        return CleaningRecord(
            identity=self._handle.id.identity,
            method=ended.method,
            began=self._began,
            ended=now(),
            verified=ended.verified,
            result=ended.result,
            version=self._version,
            server=server,
        )


def _share(doing: Underway) -> str:
    return f" ({doing.done_bytes} of {doing.total_bytes} bytes)" if doing.total_bytes else ""
