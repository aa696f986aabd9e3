"""``nova-accel device clean``."""

import argparse

from nova_accel.commands import known, waiting
from nova_accel.commands.base import IDENTITY_HELP, Acting
from nova_accel.exception import AccelError, HandleRefused
from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.ledger.store import Ledger

_NOT_THERE = "it was not there when nova-compute last looked, so it cannot be cleaned"
_UNDRAIN = "once it works again, or was exchanged, say nova-accel device undrain {identity} first"
_ONE_TIME_USE = "one_time_use is set, so nova-compute erases nothing; clean it, then say nova-accel device clean {identity} --done-by NAME"

_LEFT = (
    "it will be released and cleaned if neither Nova nor libvirt says that server {server} has it or may come back to it; "
    "else nova-accel device show {identity} says why not"
)


class CannotBeCleaned(AccelError):
    """There is nothing to clean, or nothing that could be."""

    def __init__(self, identity: str, reason: str) -> None:
        super().__init__(f"{identity}: {reason}")
        self.identity = identity
        self.reason = reason


class DeviceClean(Acting):
    """Have a device that is dirty, whose cleaning failed, or that a server left behind, cleaned by nova-compute now."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the device's name and how far to go."""
        parser = super().get_parser(prog_name)
        parser.add_argument("identity", metavar="IDENTITY", help=IDENTITY_HELP)
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            "--erase-foreign-data",
            action="store_true",
            help="Erase also what no server of this cloud released. Without it such a device is only read, and available if it is empty.",
        )
        how.add_argument(
            "--done-by",
            metavar="NAME",
            help="Somebody else has cleaned it: NAME, for the record. It is read back, and available if it is empty. For one_time_use.",
        )
        how.add_argument(
            "--left-by",
            metavar="SERVER",
            help="Erase what this server, whose uuid is given in full, left behind, as by a move that failed: its data here is lost. "
            "Refused if Nova or libvirt say that the server may have it or come back to it.",
        )
        parser.add_argument(
            "--purged",
            action="store_true",
            help="With --left-by: also if Nova's database does not know that server any more, because its row was archived or purged. "
            "Make sure first that nova-compute asks the right database.",
        )
        parser.add_argument(
            "--wait", action="store_true", help="Wait until it is done; Ctrl-C ends the waiting, not the cleaning."
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Ask for it; with ``--wait`` the exit status is 0 when the device became available."""
        if parsed_args.purged and parsed_args.left_by is None:
            raise CannotBeCleaned(
                parsed_args.identity, "--purged says something about --left-by SERVER, which is missing"
            )
        ledger = self.app.ledger()
        identity = self._cleanable(ledger, parsed_args)
        try:
            self.say(_ask(ledger, identity, parsed_args))
        except HandleRefused as error:
            raise CannotBeCleaned(error.identity, error.reason) from error
        if not parsed_args.wait:
            return 0
        others_clean = self.app.configured().settings.one_time_use and parsed_args.left_by is not None
        shown = waiting.Progress(self.app.stderr, live=self.app.stderr.isatty())
        ended = waiting.wait(ledger, identity, shown, others_clean=others_clean)
        self.say(_ended(ended, parsed_args.left_by))
        return 0 if _is_done(ended, parsed_args.left_by) else 1

    def _cleanable(self, ledger: Ledger, parsed_args: argparse.Namespace) -> str:
        """The identity that is meant, unless nova-compute could not, or would not, do anything."""
        entry = known.offered(ledger, parsed_args.identity)
        identity = entry.handle.identity
        if not any(one.identity == identity for one in ledger.sightings.all().values()):
            raise CannotBeCleaned(identity, _NOT_THERE)
        if entry.is_quarantined:
            raise CannotBeCleaned(identity, f"it is {entry.drained}; {_UNDRAIN.format(identity=identity)}")
        erased = entry.may_be_erased or parsed_args.erase_foreign_data
        if erased and parsed_args.done_by is None and self.app.configured().settings.one_time_use:
            raise CannotBeCleaned(identity, _ONE_TIME_USE.format(identity=identity))
        return identity


def _ask(ledger: Ledger, identity: str, parsed_args: argparse.Namespace) -> str:
    """Write the wish in the ledger, and say what comes of it."""
    if parsed_args.done_by is not None:
        ledger.operator.done_by(identity, parsed_args.done_by)
        return f"{identity}: nova-compute was asked; it will be read back, and available if it is empty"
    if parsed_args.left_by is not None:
        ledger.left_behind.ask(identity, parsed_args.left_by, purged=parsed_args.purged)
        return f"{identity}: nova-compute was asked; {_LEFT.format(server=parsed_args.left_by, identity=identity)}"
    foreign = parsed_args.erase_foreign_data
    before = ledger.operator.ask_for_cleaning(identity, erase_foreign_data=foreign)
    what = "erased and read back" if before.may_be_erased or foreign else "read, and available if it is empty"
    return f"{identity}: nova-compute was asked; it will be {what}"


def _is_done(entry: Entry, left_by: str | None) -> bool:
    """Whether it became available; whoever has it by now got it clean, but for the server that was said to have left it."""
    return entry.state is State.AVAILABLE or (entry.state is State.ASSIGNED and entry.server != left_by)


def _ended(entry: Entry, left_by: str | None) -> str:
    if entry.state is State.AVAILABLE:
        return f"{entry.handle.identity}: available, cleaned {entry.cleaned}"
    if entry.state is State.ASSIGNED and _is_done(entry, left_by):
        return f"{entry.handle.identity}: it was cleaned, and server {entry.server} has it already"
    return f"{entry.handle.identity}: {entry.state.value}: {entry.reason}"
