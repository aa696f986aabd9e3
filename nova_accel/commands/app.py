"""``nova-accel`` as a whole: what holds for each of its commands."""

import argparse
import logging
from collections.abc import Callable
from importlib import metadata
from typing import Any, TextIO

from cliff.app import App
from cliff.commandmanager import CommandManager
from oslo_config import cfg

from nova_accel.commands import configuration, existing
from nova_accel.commands.checks import local
from nova_accel.commands.checks.facts import Facts
from nova_accel.commands.configuration import Configured
from nova_accel.ledger.store import Ledger

COMMANDS = "nova_accel.commands"


class NovaAccel(App):
    """Shows and steers the SSDs and persistent memory that this host's nova-compute gives to guests."""

    NAME = "nova-accel"
    DEFAULT_VERBOSE_LEVEL = 0

    def __init__(
        self,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        *,
        conf: cfg.ConfigOpts = cfg.CONF,
        facts: Callable[[Configured], Facts] = local.facts,
    ) -> None:
        """Make the application; nothing is read yet.

        :param conf: for tests; oslo.privsep reads the global one
        :param facts: for tests: what the checks look at
        """
        self._conf = conf
        self._facts = facts
        super().__init__(
            description=(type(self).__doc__ or "").strip(),
            version=metadata.version("nova-accel"),
            command_manager=CommandManager(COMMANDS),
            stdout=stdout,
            stderr=stderr,
            deferred_help=True,
        )

    def build_option_parser(
        self, description: str | None, version: str | None, argparse_kwargs: dict[str, Any] | None = None
    ) -> argparse.ArgumentParser:
        """Add the options that say which nova.conf."""
        parser: argparse.ArgumentParser = super().build_option_parser(description, version, argparse_kwargs)
        parser.add_argument(
            "--config-file",
            action="append",
            default=[],
            metavar="PATH",
            help="A configuration file; may be given several times. Without it, those that nova-compute reads by default.",
        )
        parser.add_argument(
            "--config-dir",
            action="append",
            default=[],
            metavar="DIR",
            help="A folder of configuration files; may be given several times.",
        )
        return parser

    def configure_logging(self) -> None:
        """Keep what privsep daemons write on their standard error for ``--verbose``."""
        super().configure_logging()
        if not self.options.verbose_level:
            # The name that oslo.log makes of oslo_privsep.
            logging.getLogger("oslo.privsep").setLevel(logging.ERROR)

    def interact(self) -> None:
        """Without a command: show which there are, instead of a shell of our own."""
        self.run_subcommand(["help"])

    def configured(self) -> Configured:
        """What nova.conf says.

        :raises nova_accel.exception.AccelError: when it cannot be read
        """
        return configuration.read(self._conf, self.options.config_file, self.options.config_dir)

    def ledger(self) -> Ledger:
        """The ledger of this host's nova-compute.

        :raises nova_accel.exception.LedgerError: when there is none that may be used
        """
        return existing.open_ledger(self.configured().settings.ledger_path)

    def ledger_for_reading(self) -> Ledger:
        """The same for commands that only show, which go on where nobody can write.

        :raises nova_accel.exception.LedgerError: when there is none that may be read
        """
        return existing.open_for_reading(self.configured().settings.ledger_path)

    def facts(self) -> Facts:
        """What the checks look at."""
        return self._facts(self.configured())
