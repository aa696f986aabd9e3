"""``python -m demo``: tell the story; the exit status is 0 only if every step was what it should be."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
import types
from pathlib import Path

from rich.console import Console

from demo.journal import Entry, Journal, StepFailed
from demo.progress import Screen, StepTimeout, limit
from demo.stage import NotPossible, Refused, Stage
from demo.story import Step, steps
from demo.telling import Telling

ALL_DRIVERS = "inspur_nvme_ssd_driver,nvme_ssd_driver,intel_pmem_driver"


def main() -> int:
    """Parse the arguments and do it; the exit status."""
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
    ):  # whatever ends it, the stage is to end what it started
        signal.signal(number, _end)
    arguments = _parser().parse_args()
    os.umask(0o022)
    if arguments.json:
        arguments.json = arguments.json.absolute()
        arguments.json.touch()  # better now than in the end
    # A file or a pipe has no width of its own; the tables want more than 80.
    screen = Screen(Console(width=None if sys.stdout.isatty() else 160))
    journal = Journal()
    try:
        stage = _stage(arguments, journal)
        journal.facts = dict(stage.facts())
        screen.show(f"[bold]{stage.title}[/]")
        stage.run(lambda: _tell(stage, journal, screen))
    except (StepFailed, StepTimeout, Refused):
        pass  # told already
    except NotPossible as error:
        journal.error = str(error)
        screen.say(str(error))
    except KeyboardInterrupt:
        journal.error = "interrupted"
    except BaseException as error:
        journal.error = f"{type(error).__name__}: {error}"
        raise
    finally:
        if arguments.json:
            journal.write(arguments.json)
    return _ending(journal, screen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run demo", description="The main job, from what is in a host to a guest and back."
    )
    parser.add_argument("--recorded", action="store_true", help="on a host made of recordings; needs no QEMU")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="the raw answers of Nova, Placement and libvirt, and each check"
    )
    parser.add_argument("--captures", type=Path, metavar="DIR", help="recordings to use instead (with --recorded)")
    parser.add_argument("--drivers", default=ALL_DRIVERS, help="[nova_accel] enabled_drivers; '' for none")
    return parser


def _stage(arguments: argparse.Namespace, journal: Journal) -> Stage:
    """Import only what the stage needs: one of them patches Nova, the other wants QEMU."""
    if not arguments.recorded:
        from demo.emulated import EmulatedStage

        return EmulatedStage(arguments.drivers, journal.hear)
    os.environ.setdefault("OS_NOVA_DISABLE_EVENTLET_PATCHING", "1")
    from demo.recorded import RecordedStage

    return RecordedStage(arguments.captures, arguments.drivers, journal.hear)


def _tell(stage: Stage, journal: Journal, screen: Screen) -> None:
    telling = Telling(stage, journal, screen)
    told = steps(stage)
    for number, step in enumerate(told, 1):
        screen.begin(number, len(told), step.name)
        screen.say(step.says)
        entry = Entry(step.name, step.says)
        journal.entries.append(entry)
        _do(step, telling, journal, screen)
        screen.end(len(entry.checks), entry.seconds)


def _do(step: Step, telling: Telling, journal: Journal, screen: Screen) -> None:
    began = time.monotonic()
    entry = journal.now
    entry.outcome = "failed"
    try:
        with screen.running(step.name), limit(step.name, step.limit_s):
            step.does(telling)
        entry.seconds = round(time.monotonic() - began, 2)
        journal.end_step()
    except BaseException as error:
        entry.seconds = round(time.monotonic() - began, 2)
        entry.error = f"{type(error).__name__}: {error}"
        screen.fail(step.name, entry.error)
        raise


def _ending(journal: Journal, screen: Screen) -> int:
    report = journal.report()
    if journal.passed:
        screen.show(
            f"\n[bold green]All {len(journal.entries)} steps were what they should be[/], {report['seconds']} s in all."
        )
        return 0
    where = f"at the step: {report['failed_step']}" if report["failed_step"] else "before the first step"
    screen.say(f"\nFailed {where}, after {report['seconds']} s.")
    return 1


def _end(_signal: int, _frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
