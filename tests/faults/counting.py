"""Makes every try and counts."""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.faults import jobs, sabotage, table
from tests.faults.killing import template
from tests.faults.outcome import Outcome
from tests.faults.points import BEFORE, Point, of_calls, of_hypervisor, of_transitions
from tests.faults.scenes import OTHER_KILLS, scene_of
from tests.faults.trials import all_trials

QUICK = ("killed before available, claim", "killed in the middle of erase", "killed after cleaning, cleaned")


def main(arguments: Sequence[str]) -> int:
    """Print what is found as it is found, and the table in the end; the exit status."""
    wanted = _parser().parse_args(arguments)
    tries = [one for one in everything() if _is_wanted(jobs.title(one), wanted)]
    missing = without_a_scene([*tries, *(Point(what, BEFORE) for what in wanted.as_if)])
    if wanted.list or missing:
        print("\n".join([*missing, *map(jobs.title, tries)]))
        return 1 if missing else 0
    with sabotage.applied(wanted.sabotage):
        return _counted(tries, wanted)


def _counted(tries: Sequence[jobs.Try], wanted: argparse.Namespace) -> int:
    began = time.monotonic()
    folder = Path(wanted.keep or tempfile.mkdtemp(prefix="nova-accel-faults-"))
    rows: dict[str, table.Row] = {jobs.fault_of(one): table.Row(jobs.fault_of(one)) for one in tries}
    outcomes: list[tuple[str, Outcome]] = []
    good = True
    for done, (one, outcome) in enumerate(jobs.run(tries, template(folder / "template"), folder, wanted.jobs), 1):
        rows[jobs.fault_of(one)].add(outcome)
        outcomes.append((jobs.scene_name(one), outcome))
        good = good and outcome.is_good
        print(f"{done:3} of {len(tries)}, {time.monotonic() - began:4.0f} s: {jobs.title(one)}", flush=True)
        _report(outcome)
    if good and not wanted.keep:
        shutil.rmtree(folder)
    partly = _tried_in_part(tries)
    whole = [(name, outcome) for name, outcome in outcomes if name not in partly]
    print("\n".join([*table.printed(list(rows.values())), *table.never_spoken(whole)]))
    print(
        f"{len(tries)} tries in {time.monotonic() - began:.0f} s"
        + ("" if good else f"; what is left of bad ones: {folder}")
    )
    return 0 if good and tries else 1


def _tried_in_part(tries: Iterable[jobs.Try]) -> set[str]:
    """The names of scenes of which there are other tries: those may be the ones in which an operator has to do something."""
    made = {jobs.title(one) for one in tries}
    return {jobs.scene_name(one) for one in everything() if jobs.title(one) not in made}


def everything() -> list[jobs.Try]:
    """Every kill and every fault."""
    return [*of_transitions(), *of_calls(), *of_hypervisor(), *OTHER_KILLS, *all_trials()]


def without_a_scene(tries: Iterable[jobs.Try]) -> list[str]:
    """A sentence for each point that no scene reaches."""
    missing = []
    for one in tries:
        try:
            if isinstance(one, Point):
                scene_of(one)
        except LookupError as error:
            missing.append(str(error))
    return missing


def _is_wanted(title: str, wanted: argparse.Namespace) -> bool:
    if wanted.quick:
        return title in QUICK
    return not wanted.only or any(words in title for words in wanted.only)


def _report(outcome: Outcome) -> None:
    for rule, sentence in outcome.found:
        print(f"    {rule.value}: {sentence}", flush=True)
    for sentence in outcome.unexpected:
        print(f"    operator asked unexpectedly to {sentence}", flush=True)
    if outcome.broken:
        print(f"    says nothing: {outcome.broken}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run faults", description=__doc__)
    parser.add_argument("-j", "--jobs", type=int, default=min(2, os.cpu_count() or 1), help="tries at a time")
    parser.add_argument("--only", action="append", help="only tries with these words in their title; may be repeated")
    parser.add_argument("--quick", action="store_true", help="three kills only")
    parser.add_argument("--list", action="store_true", help="titles only; nothing is tried")
    parser.add_argument(
        "--sabotage",
        choices=sorted(sabotage.KINDS),
        help="what must be noticed: cleaner has no device erased and all read as zero, moves has each taken for finished,"
        " ends has a server's devices released whenever its guest ends, record has no cleaning recorded",
    )
    parser.add_argument(
        "--as-if", action="append", default=[], metavar="WHAT", help="as if there were this transition or call too"
    )
    parser.add_argument("--keep", help="a folder for what the tries leave; default: a temporary one")
    return parser
