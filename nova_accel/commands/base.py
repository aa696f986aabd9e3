"""What our commands have in common."""

import argparse
from collections.abc import Iterable

from cliff.columns import FormattableColumn
from cliff.command import Command

from nova_accel.commands.app import NovaAccel

IDENTITY_HELP = "Serial number of an SSD, uuid of a PMEM namespace, or the beginning of one."


def shown(values: Iterable[object], parsed_args: argparse.Namespace) -> tuple[object, ...]:
    """Leave empty in a table what is not known; for programs it stays None, which is null in json and nothing in csv."""
    return tuple("" if value is None and parsed_args.formatter == "table" else value for value in values)


class Words(FormattableColumn):
    """Words by name: an object for programs, a line each in a table."""

    def human_readable(self) -> str:
        """As a table shows it."""
        return "\n".join(f"{name}: {value}" for name, value in self._value.items())

    def machine_readable(self) -> object:
        """As json and yaml show it."""
        return self._value


class Acting(Command):
    """A command that changes something and says in one sentence what."""

    app: NovaAccel

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        self.app.stdout.write(f"{sentence}\n")

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """The parser, without arguments of its own yet."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        return parser
