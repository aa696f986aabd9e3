"""``python -m lab``: boot the lab and do something with it."""

from __future__ import annotations

import argparse
import pathlib
import secrets
import signal
import sys
import types

from lab import folders
from lab.compute import STOCK_DRIVER
from lab.lab import Lab, Wish
from lab.record import Recorder
from lab.scenario import SCENARIOS, Chance
from lab.steps import say


def main() -> int:
    """Parse the arguments and do it."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    try_ = commands.add_parser("try", help="boot one server without devices and delete it")
    try_.set_defaults(act=_try)
    record = commands.add_parser("record", help="record what the tools print in L1, as test data")
    record.add_argument("folder", type=pathlib.Path)
    record.set_defaults(act=_record)
    shell = commands.add_parser("shell", help="a shell in a prepared L1")
    shell.set_defaults(act=_shell)
    for one in (try_, shell, record):
        one.add_argument("--scenario", choices=sorted(SCENARIOS), default="record" if one is record else "smoke")
        one.add_argument("--driver", default=STOCK_DRIVER, help="compute_driver in L1's nova.conf")
        one.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    signal.signal(signal.SIGTERM, _end)
    arguments = parser.parse_args()
    return int(arguments.act(arguments))


def _end(_signal: int, _frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


def _wish(arguments: argparse.Namespace) -> Wish:
    say(f"lab: seed {arguments.seed}")
    return Wish(SCENARIOS[arguments.scenario](Chance(arguments.seed)), arguments.driver)


def _try(arguments: argparse.Namespace) -> int:
    from lab import first_guest

    lab = Lab(_wish(arguments), folders.home())
    with lab:
        first_guest.run(lab)
    say(lab.steps.table())
    return bool(lab.left)


def _shell(arguments: argparse.Namespace) -> int:
    lab = Lab(_wish(arguments), folders.home())
    with lab:
        lab.wait_for_l1()
        lab.machine.channel.terminal()
    return bool(lab.left)


def _record(arguments: argparse.Namespace) -> int:
    lab = Lab(_wish(arguments), folders.home())
    with lab:
        lab.wait_for_l1()
        with lab.steps.step("recordings", 600):
            count = Recorder(lab.machine, arguments.folder).run()
    say(f"lab: {count} recordings in {arguments.folder}")
    return bool(lab.left)


if __name__ == "__main__":
    sys.exit(main())
