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
from lab.record import Chosen, Recorder, base
from lab.record_pmem import pmem
from lab.record_verdicts import no_iommu, verdicts
from lab.scenario import SCENARIOS, Chance
from lab.steps import say

TESTS = folders.CHECKOUT / "tests/lab"
# By scenario: what is recorded of it, and in which folder.
RECORDED: dict[str, dict[str, Chosen]] = {
    "record": {"": base},
    "verdicts": {"verdicts": verdicts, "pmem": pmem},
    "no-iommu": {"no-iommu": no_iommu},
}


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
        ("smoke", _smoke, "the way of one SSD, and of one with persistent memory, in 10 minutes"),
        ("full", _full, "smoke and everything that takes longer"),
        ("try", _try, "one server without devices"),
        ("shell", _shell, "a shell in a prepared L1; --nova for a whole cloud around it"),
        ("record", _record, "what the tools print in L1, as test data"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(act=act)
        if act in (_try, _shell, _record):
            choices, default = (RECORDED, None) if act is _record else (SCENARIOS, "smoke")
            command.add_argument("--scenario", choices=sorted(choices), default=default)
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
    lab = _lab(arguments, arguments.scenario)
    with lab:
        first_guest.run(lab)
    return _finished(lab)


def _shell(arguments: argparse.Namespace) -> int:
    lab = _lab(arguments, arguments.scenario)
    with lab:
        (lab.start_nova if arguments.nova else lab.wait_for_l1)()
        say("lab: a shell in L1 as root; exit ends the lab")
        lab.machine.channel.terminal()
    return _finished(lab)


def _record(arguments: argparse.Namespace) -> int:
    """Each scenario's recordings, from a boot of its own; what was recorded of two of them at once lies in two folders."""
    wanted = [arguments.scenario] if arguments.scenario else list(RECORDED)
    left = [_recorded(arguments, scenario) for scenario in wanted]
    return 1 if any(left) else 0


def _recorded(arguments: argparse.Namespace, scenario: str) -> bool:
    lab = _lab(arguments, scenario)
    with lab:
        lab.wait_for_l1()
        recorder = Recorder(lab.machine, arguments.folder)
        with lab.steps.step(f"recordings of {scenario}", 1200):
            for into in RECORDED[scenario]:
                recorder.describe(into)
            count = sum(recorder.run(chosen, into) for into, chosen in RECORDED[scenario].items())
    say(f"lab: {count} recordings in {arguments.folder}")
    return bool(_finished(lab))


def _lab(arguments: argparse.Namespace, name: str) -> Lab:
    say(f"lab: seed {arguments.seed}")
    scenario = SCENARIOS[name](Chance(arguments.seed))
    return Lab(Wish(scenario, **with_drivers(arguments.drivers)), folders.home())


def _finished(lab: Lab) -> int:
    say(lab.steps.table())
    return 1 if lab.left else 0


def _end(_signal: int, _frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
