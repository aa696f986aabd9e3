"""Waits for what nova-compute makes of an operator's wish."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from nova_accel.cleaning import progress
from nova_accel.exception import AccelError
from nova_accel.ledger.cleanings import Underway
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger

_POLL_S = 0.5
_REPORT_S = 10.0
_EXPECTED_WITHIN_S = 60.0


class Vanished(AccelError):
    """The ledger does not know the device any more."""


@dataclass(frozen=True)
class Progress:
    """Says how far it is: one line that changes on a terminal, a line every few seconds elsewhere."""

    stream: TextIO
    live: bool

    def report(self, entry: Entry, doing: Underway | None, elapsed_s: float) -> None:
        """Print what is done, how far that is, and the time that has passed."""
        words = f"{entry.handle.identity}: {_doing(entry, doing, elapsed_s)} ({elapsed_s:.0f} s)"
        self.stream.write(f"\r{words}\x1b[K" if self.live else f"{words}\n")
        self.stream.flush()

    def end(self) -> None:
        """Leave the line that changes."""
        self.stream.write("\n" if self.live else "")


def _doing(entry: Entry, doing: Underway | None, elapsed_s: float) -> str:
    if doing is not None:
        return progress.in_words(doing, progress.now())
    if entry.asked is None or entry.state is State.CLEANING:
        return entry.reason or entry.state.value
    late = "; is nova-compute running?" if elapsed_s >= _EXPECTED_WITHIN_S else ""
    return f"waiting for nova-compute to begin{late}"


def wait(
    ledger: Ledger,
    identity: str,
    shown: Progress,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    *,
    others_clean: bool = False,
) -> Entry:
    """Wait until nova-compute has taken up the wish for cleaning and is done with it.

    :param others_clean: whether nova-compute is done as soon as it is released
    :returns: the entry as it is then
    :raises Vanished: when there is none any more
    """
    began = clock()
    reported_s = -_REPORT_S
    try:
        while True:
            entry = _entry(ledger, identity)
            if _is_over(entry, others_clean=others_clean):
                return entry
            elapsed_s = clock() - began
            if shown.live or elapsed_s - reported_s >= _REPORT_S:
                shown.report(entry, ledger.cleanings.under_way().get(identity), elapsed_s)
                reported_s = elapsed_s
            sleep(_POLL_S)
    finally:
        shown.end()


def _is_over(entry: Entry, *, others_clean: bool) -> bool:
    if entry.asked is not None or entry.state is State.CLEANING:
        return False
    # What was released and is still dirty has its turn to come, unless it was put off; what nobody released is only read.
    was_put_off = entry.retry_at is not None
    return entry.state is not State.DIRTY or not entry.may_be_erased or others_clean or was_put_off


def _entry(ledger: Ledger, identity: str) -> Entry:
    for handle, entry in ledger.entries().items():
        if handle.identity == identity:
            return entry
    raise Vanished(f"{identity}: the ledger does not know it any more")
