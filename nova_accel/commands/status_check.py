"""``nova-accel status check``."""

import argparse

from cliff.lister import Lister

from nova_accel.commands.app import NovaAccel
from nova_accel.commands.base import shown
from nova_accel.commands.checks.all_checks import CHECKS
from nova_accel.commands.checks.result import Level

COLUMNS = ("check", "result", "found", "what to do")


class StatusCheck(Lister):
    """Check what has to be right on this host. Exit status 0: all is well, 1: with warnings, 2: something fails.

    Run it as nova-compute's user. Nothing is changed.
    """

    app: NovaAccel
    _worst = Level.OK

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        """One row for each check."""
        facts = self.app.facts()
        results = [(check, check.run(facts)) for check in CHECKS]
        self._worst = max(result.level for _, result in results)
        return COLUMNS, [
            shown((check.name, result.level.name.lower(), result.found, result.advice or None), parsed_args)
            for check, result in results
        ]

    def run(self, parsed_args: argparse.Namespace) -> int:
        """As every list, with the worst result as exit status."""
        super().run(parsed_args)
        return int(self._worst)
