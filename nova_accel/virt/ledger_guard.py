"""Sees to it that the ledger can be used, and that nothing is offered while it cannot be."""

from oslo_log import log as logging

from nova_accel.exception import LedgerError, NotALedger
from nova_accel.ledger.store import Ledger

LOG = logging.getLogger(__name__)


class LedgerGuard:
    """Knows whether the ledger could be used when it was last tried."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._error: LedgerError | None = None

    def start(self) -> None:
        """Set a damaged ledger aside and try the one that is there then.

        :raises nova_accel.exception.NotALedger: when the file is another program's
        """
        try:
            self._set_aside()
        except LedgerError as error:
            LOG.error("The ledger could not be looked through: %s", error)
        self.check()
        if isinstance(self._error, NotALedger):
            raise self._error

    @property
    def is_usable(self) -> bool:
        """Whether the ledger could be used when it was last tried."""
        return self._error is None

    def refuse_if_unusable(self) -> None:
        """Let nothing be offered while the ledger cannot be used.

        :raises nova_accel.exception.LedgerError: why not
        """
        if self._error is not None:
            raise self._error

    def check(self) -> bool:
        """Try to write to the ledger; replace one that became damaged; doubt everything in one that is older than it was.

        :returns: whether anything is other than it was
        """
        before, self._error = self._error, None
        try:
            doubted = self._make_usable()
        except LedgerError as error:
            self._error = error
            if str(error) != str(before or ""):
                LOG.error("Nothing of this host is offered, and no server with its devices starts: %s", error)
            return before is None
        if before is not None:
            LOG.warning("The ledger %s can be used again", self._ledger.path)
        return doubted or before is not None

    def _make_usable(self) -> bool:
        replaced = False
        try:
            self._ledger.probe()
        except LedgerError:
            replaced = self._set_aside()
            if not replaced:
                raise
            self._ledger.probe()
        return self._doubt_if_older() or replaced

    def _set_aside(self) -> bool:
        aside = self._ledger.set_aside_if_broken()
        if aside:
            LOG.error("The ledger %s is damaged: it is %s now, and a new one is begun", self._ledger.path, aside)
        return bool(aside)

    def _doubt_if_older(self) -> bool:
        missing = self._ledger.age.claims_missing()
        if not missing:
            return False
        doubted = self._ledger.doubt_all("the ledger is an older copy of itself, so it may have been in a guest since")
        self._ledger.age.is_up_to_date()
        LOG.error(
            "The ledger %s is older than it was: %d claims are missing; %d devices are read again",
            self._ledger.path,
            missing,
            doubted,
        )
        return True
