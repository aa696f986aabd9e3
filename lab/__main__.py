"""``python -m lab``: boot the emulated compute host and do something with it."""

from __future__ import annotations

import argparse
import os
import pathlib
import secrets
import signal
import sys
import types

from lab import first_guest, folders
from lab.configuration import ALL_DRIVERS, with_drivers
from lab.lab import Lab, Wish
from lab.record import Recorder
from lab.scenario import SCENARIOS, Chance
from lab.steps import say

TESTS = folders.CHECKOUT / "tests/lab"


def main() -> int:
    """Parse the arguments and do it; the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # also where a shell had SIGINT ignored
        signal.signal(number, _end)
    arguments = _parser().parse_args()
    os.umask(0o022)
    try:
        return int(arguments.act(arguments))
    except KeyboardInterrupt:
        say("lab: interrupted")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description="An emulated compute host for nova_accel.")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1 << 32), help="decides serials, sizes and nonces"
    )
    parser.add_argument("--drivers", default=ALL_DRIVERS, help="[nova_accel] enabled_drivers; '' for none")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, act, text in (
        ("smoke", _smoke, "the way of one SSD, in 15 minutes at most"),
        ("full", _full, "smoke and everything that takes longer"),
        ("try", _try, "one server without devices"),
        ("shell", _shell, "a shell in a prepared L1; --nova for a whole cloud around it"),
        ("record", _record, "what the tools print in L1, as test data"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(act=act)
        if act in (_try, _shell, _record):
            command.add_argument("--scenario", choices=sorted(SCENARIOS), default=name if name == "record" else "smoke")
        if act is _shell:
            command.add_argument("--nova", action="store_true")
        if act is _record:
            command.add_argument("folder", type=pathlib.Path)
    return parser


def _smoke(arguments: argparse.Namespace) -> int:
    return _tests(arguments, "not full")


def _full(arguments: argparse.Namespace) -> int:
    return _tests(arguments, "")


def _tests(arguments: argparse.Namespace, wanted: str) -> int:
    import pytest

    os.chdir(folders.CHECKOUT)
    temporary = folders.home().path / "pytest"  # nothing of pytest's in /tmp either
    temporary.parent.mkdir(parents=True, exist_ok=True)
    return int(
        pytest.main(
            [
                str(TESTS),
                "-m",
                wanted,
                "--exitfirst",
                "--capture=no",
                "-p",
                "no:cacheprovider",
                "--tb=short",
                f"--basetemp={temporary}",
                f"--lab-seed={arguments.seed}",
                f"--lab-drivers={arguments.drivers}",
            ]
        )
    )


def _try(arguments: argparse.Namespace) -> int:
    lab = _lab(arguments)
    with lab:
        first_guest.run(lab)
    return _finished(lab)


def _shell(arguments: argparse.Namespace) -> int:
    lab = _lab(arguments)
    with lab:
        (lab.start_nova if arguments.nova else lab.wait_for_l1)()
        say("lab: a shell in L1 as root; exit ends the lab")
        lab.machine.channel.terminal()
    return _finished(lab)


def _record(arguments: argparse.Namespace) -> int:
    lab = _lab(arguments)
    with lab:
        lab.wait_for_l1()
        with lab.steps.step("recordings", 900):
            count = Recorder(lab.machine, arguments.folder).run()
    say(f"lab: {count} recordings in {arguments.folder}")
    return _finished(lab)


def _lab(arguments: argparse.Namespace) -> Lab:
    say(f"lab: seed {arguments.seed}")
    scenario = SCENARIOS[arguments.scenario](Chance(arguments.seed))
    return Lab(Wish(scenario, **with_drivers(arguments.drivers)), folders.home())


def _finished(lab: Lab) -> int:
    say(lab.steps.table())
    return 1 if lab.left else 0


def _end(_signal: int, _frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
