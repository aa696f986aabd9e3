"""``nova-accel device drain`` and ``device undrain``."""

import argparse

from nova_accel.commands import known
from nova_accel.commands.base import IDENTITY_HELP, Acting
from nova_accel.exception import AccelError
from nova_accel.ledger.entry import QUARANTINED, Entry
from nova_accel.ledger.states import State

_REASON = "an operator wants it out of use"


class NotAReason(AccelError):
    """What was given as the reason of a drain means something else."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason!r} would read as a quarantine, which only nova-compute orders; say it without {QUARANTINED!r}"
        )
        self.reason = reason


class DeviceDrain(Acting):
    """Give devices to no further server, as before maintenance. A server that has one keeps it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the devices' names and the reason."""
        parser = super().get_parser(prog_name)
        parser.add_argument("identities", metavar="IDENTITY", nargs="+", help=IDENTITY_HELP)
        parser.add_argument(
            "--reason", default=_REASON, help=f"Why, for whoever looks at it later. Default: {_REASON}."
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Drain all of them, or none when one is unknown."""
        if parsed_args.reason.startswith(QUARANTINED):
            raise NotAReason(parsed_args.reason)
        ledger = self.app.ledger()
        for entry in [known.offered(ledger, word) for word in parsed_args.identities]:
            self.say(_drained(ledger.operator.drain(entry.handle.identity, parsed_args.reason)))
        return 0


class DeviceUndrain(Acting):
    """Offer drained devices again; what is not clean is cleaned first."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the devices' names."""
        parser = super().get_parser(prog_name)
        parser.add_argument("identities", metavar="IDENTITY", nargs="+", help=IDENTITY_HELP)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Undrain all of them, or none when one is unknown."""
        ledger = self.app.ledger()
        for entry in [known.offered(ledger, word) for word in parsed_args.identities]:
            ledger.operator.undrain(entry.handle.identity)
            self.say(_undrained(entry))
        return 0


def _drained(before: Entry) -> str:
    if before.is_quarantined:
        return f"{before.handle.identity}: it is {before.drained}; that keeps it out of use too, and stays"
    again = "still drained, with the new reason" if before.drained is not None else "drained"
    keeps = f"; server {before.server} keeps it until it is deleted or moved" if before.state is State.ASSIGNED else ""
    return f"{before.handle.identity}: {again}{keeps}"


def _undrained(before: Entry) -> str:
    if before.drained is None:
        return f"{before.handle.identity}: it was not drained"
    what = "quarantined" if before.is_quarantined else "drained"
    return f"{before.handle.identity}: no longer {what}{_then(before)}"


def _then(before: Entry) -> str:
    if before.state in (State.AVAILABLE, State.ASSIGNED):
        return ""
    if before.state is State.CLEAN_FAILED and before.retry_at is None:
        return f"; it is {before.state.value}: nova-accel device clean {before.handle.identity}"
    if not before.may_be_erased:
        why = f": {before.reason}" if before.reason else ""
        return f"; it is {before.state.value}, and not offered before all of it reads as zero{why}"
    return f"; it is {before.state.value}, so cleaning comes first"
