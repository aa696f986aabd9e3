"""Sees to it that the ledger can be used, and that nothing is offered while it cannot be."""

from oslo_log import log as logging

from nova_accel.exception import LedgerDamaged, LedgerError, NotALedger
from nova_accel.ledger.store import Ledger

LOG = logging.getLogger(__name__)


class LedgerGuard:
    """Knows whether the ledger could be used when it was last tried."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._error: LedgerError | None = None
        self._begun = 0
        """How often an empty ledger had been begun at the last look; whatever uses it first begins one."""

    def start(self) -> None:
        """Try the ledger for the first time; one that is damaged is set aside.

        :raises nova_accel.exception.NotALedger: when the file is another program's
        """
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
        # Taken once, because a round may find it usable meanwhile; and a new one each time, else its traceback would grow.
        error = self._error
        if error is not None:
            raise LedgerError(error.path, error.reason)

    def check(self) -> bool:
        """Try to write to the ledger; replace one that became damaged; doubt everything in one that is older than it was.

        :returns: whether anything is other than it was
        """
        before = self._error
        try:
            doubted = self._make_usable()
        except LedgerError as error:
            self._error = error
            if str(error) != str(before or ""):
                LOG.error("Nothing of this host is offered, and no server with its devices starts: %s", error)
            return before is None
        except Exception as error:
            self._error = LedgerError(self._ledger.path, f"it could not be tried: {error}")
            raise
        self._error = None
        if before is not None:
            LOG.warning("The ledger %s can be used again", self._ledger.path)
        return doubted or before is not None

    def _make_usable(self) -> bool:
        was_damaged = self._begin_anew_if_damaged()
        is_new, self._begun = self._ledger.begun != self._begun, self._ledger.begun
        if is_new and not was_damaged:
            LOG.warning("There was no ledger %s: an empty one is begun", self._ledger.path)
        doubted = self._doubt_if_older(is_new=is_new)
        return is_new or doubted

    def _begin_anew_if_damaged(self) -> bool:
        try:
            self._ledger.probe()
        except LedgerDamaged as error:
            aside = self._ledger.set_aside()
            LOG.error("The ledger is damaged: it is %s now, and a new one is begun: %s", aside, error)
            self._ledger.probe()
            return True
        return False

    def _doubt_if_older(self, *, is_new: bool) -> bool:
        missing = self._ledger.age.claims_missing()
        if not missing:
            return False
        doubted = self._ledger.doubt_all("the ledger is an older copy of itself, so it may have been in a guest since")
        self._ledger.age.is_up_to_date()
        LOG.error(
            "The ledger %s is %s: %d claims are missing; %d devices are read again",
            self._ledger.path,
            "new, and the one that was there is lost" if is_new else "older than it was",
            missing,
            doubted,
        )
        return True
