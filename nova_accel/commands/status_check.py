"""``nova-accel status check``."""

import argparse

from cliff.lister import Lister

from nova_accel.commands.app import NovaAccel
from nova_accel.commands.base import shown
from nova_accel.commands.checks import all_checks
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
        results = all_checks.run(self.app.facts)
        self._worst = max(result.level for _, result in results)
        return COLUMNS, [
            shown((check.name, _word(result.level), result.found, result.advice or None), parsed_args)
            for check, result in results
        ]

    def run(self, parsed_args: argparse.Namespace) -> int:
        """As every list, with the worst result as exit status."""
        super().run(parsed_args)
        return int(self._worst)


def _word(level: Level) -> str:
    return level.name.lower().replace("_", " ")
