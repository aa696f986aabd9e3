"""What was tried of each handle since nova-compute started; its next start is a further attempt at everything."""

from dataclasses import replace
from datetime import datetime

from nova_accel.cleaning import retries
from nova_accel.cleaning.due import Tried
from nova_accel.ledger.entry import Entry
from nova_accel.model import AttachHandle, HandleId


class Tries:
    """Each handle by one caller at a time."""

    def __init__(self) -> None:
        self._last: dict[HandleId, Tried] = {}

    def last(self, handle: HandleId) -> Tried | None:
        """What was tried last; None: nothing that still counts."""
        return self._last.get(handle)

    def begin(self, handle: AttachHandle, entry: Entry) -> None:
        """Note that it is being tried; it is not again by itself, unless :meth:`failed` says so."""
        before = self._last.get(handle.id)
        failures = before.failures if before is not None and before.since == entry.since else 0
        self._last[handle.id] = Tried(handle.incarnation, entry.since, failures)

    def failed(self, handle: HandleId, now: datetime) -> None:
        """Have what could not be read tried again, each time after a longer wait, and without an end."""
        tried = self._last[handle]
        failures = tried.failures + 1
        self._last[handle] = replace(tried, failures=failures, again_at=retries.after(failures, now))

    def forget(self, handle: HandleId) -> None:
        """Have it tried as soon as there is a reason to."""
        self._last.pop(handle, None)
