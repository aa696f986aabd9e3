"""``nova-accel device clean``."""

import argparse

from nova_accel.commands import known, waiting
from nova_accel.commands.base import IDENTITY_HELP, Acting
from nova_accel.exception import AccelError, HandleUnavailable
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State


class CannotBeCleaned(AccelError):
    """There is nothing to clean, or nothing that could be."""


class DeviceClean(Acting):
    """Have a device that is dirty, or whose cleaning failed, cleaned by nova-compute now."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the device's name and how far to go."""
        parser = super().get_parser(prog_name)
        parser.add_argument("identity", metavar="IDENTITY", help=IDENTITY_HELP)
        parser.add_argument(
            "--erase-foreign-data",
            action="store_true",
            help="Erase also what no server of this cloud released. Without it such a device is only read, and available if it is empty.",
        )
        parser.add_argument(
            "--wait", action="store_true", help="Wait until it is done; Ctrl-C ends the waiting, not the cleaning."
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Ask for it; with ``--wait`` the exit status is 0 when the device became available."""
        ledger = self.app.ledger()
        identity = known.offered(ledger, parsed_args.identity).handle.identity
        if not any(one.identity == identity for one in ledger.sightings.all().values()):
            raise CannotBeCleaned(
                f"{identity}: it was not there when nova-compute last looked, so it cannot be cleaned"
            )
        try:
            before = ledger.operator.ask_for_cleaning(identity, erase_foreign_data=parsed_args.erase_foreign_data)
        except HandleUnavailable as error:
            raise CannotBeCleaned(f"{error.identity}: {error.reason}") from error
        self.say(_asked(before, erase_foreign_data=parsed_args.erase_foreign_data))
        if not parsed_args.wait:
            return 0
        ended = waiting.wait(ledger, identity, waiting.Progress(self.app.stderr, live=self.app.stderr.isatty()))
        self.say(_ended(ended))
        return 0 if ended.state in (State.AVAILABLE, State.ASSIGNED) else 1


def _asked(before: Entry, *, erase_foreign_data: bool) -> str:
    what = (
        "erased and read back" if before.may_be_erased or erase_foreign_data else "read, and available if it is empty"
    )
    return f"{before.handle.identity}: nova-compute was asked; it will be {what}"


def _ended(entry: Entry) -> str:
    if entry.state is State.AVAILABLE:
        return f"{entry.handle.identity}: available, cleaned {entry.cleaned}"
    if entry.state is State.ASSIGNED:
        return f"{entry.handle.identity}: it was cleaned, and server {entry.server} has it already"
    return f"{entry.handle.identity}: {entry.state.value}: {entry.reason}"
