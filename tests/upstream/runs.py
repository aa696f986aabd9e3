"""Runs modules of Nova's own functional tests over LibvirtDriver and over ours, each in a process of its own."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

HERE = Path(__file__).parent
PACKAGE = "nova.tests.functional.libvirt"
THEIRS = "LibvirtDriver"
OURS = {
    "nothing-enabled": "ours, nothing enabled",
    "on-empty-hosts": "ours, every driver enabled, hosts without devices",
}
"""What our driver is run as, by a short name of it."""
_ARGUMENTS = {
    THEIRS: ["libvirt.LibvirtDriver"],
    OURS["nothing-enabled"]: ["accel.AccelLibvirtDriver"],
    OURS["on-empty-hosts"]: ["accel.AccelLibvirtDriver", "--enabled"],
}
_LONGEST_TEST_S = 5 * 60
_LONGEST_BETWEEN_S = _LONGEST_TEST_S + 120
"""A test that Nova's limit has ended may leave a thread for which the process waits for ever, as some live migrations of the fake do."""
_TRIES = 3


def every_module() -> list[str]:
    """Every module with tests that Nova's wheel has about its libvirt driver, by looking into the package."""
    # Not by importing it: that would patch this process.
    nova = find_spec("nova")
    assert nova is not None
    assert nova.submodule_search_locations
    folder = Path(nova.submodule_search_locations[0], "tests", "functional", "libvirt")
    return sorted(f"{PACKAGE}.{one.name}" for one in iter_modules([str(folder)]) if one.name.startswith("test_"))


def few_modules() -> list[str]:
    """Those of the list for every day."""
    lines = (HERE / "modules.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@dataclass(frozen=True)
class Run:
    """What Nova's tests said over one driver."""

    services: dict[str, int]
    """How many compute services were started, by the exact class of their drivers."""
    came_up: int
    """How many of their drivers came up; some tests want that to fail."""
    looked: int
    """How many of those have looked for devices of ours."""
    tests: dict[str, str]
    took_s: float
    log: Path

    def end_of_log(self) -> str:
        """What a person needs first when something is wrong."""
        return self.log.read_text(errors="replace")[-6000:]

    def words(self) -> str:
        """How many tests said what."""
        counts = Counter(self.tests.values())
        return ", ".join(f"{count} {word}" for word, count in counts.most_common())


class Runs:
    """All of them, as many at a time as there are processors for this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
        self._begun: dict[tuple[str, str], Future[Run]] = {}

    def begin(self, module: str, over: str) -> None:
        """Have a module run as soon as it is its turn; nothing if that was said before."""
        if (module, over) not in self._begun:
            self._begun[module, over] = self._pool.submit(self._run, [module], over, module.rpartition(".")[2])

    def of(self, module: str, over: str) -> Run:
        """What came of a module, once it is done."""
        return self._begun[module, over].result()

    def alone(self, tests: Sequence[str], over: str, name: str) -> Run:
        """Run some tests once more, now and without those beside them."""
        return self._run(tests, over, name)

    def finish(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(cancel_futures=True)

    def _run(self, names: Sequence[str], over: str, name: str) -> Run:
        folder = self._folder / name / over.replace(", ", "-").replace(" ", "-")
        for number in range(1, _TRIES + 1):
            run = _tried(names, over, folder / f"{number}")
            if run is not None:
                print(f"\n{name} over {over}: {run.words()}, {run.took_s:.0f} s", flush=True)
                return run
            newest = folder / f"{number}" / "newest"
            print(f"\n{name} over {over} hung after {newest.read_text()} began, so once more", flush=True)
        raise RuntimeError(f"{name} over {over} hung {_TRIES} times, see {folder}")


def _tried(names: Sequence[str], over: str, folder: Path) -> Run | None:
    """Run modules in a process of their own, once; None when it did not go on and was ended."""
    folder.mkdir(parents=True)
    report, log = folder / "report.json", folder / "log.txt"
    # Nova's fixtures look for api-paste.ini in site-packages; its wheel puts it in <prefix>/etc/nova.
    environment = os.environ | {
        "OS_WSGI__API_PASTE_CONFIG": str(Path(sys.prefix, "etc/nova/api-paste.ini")),
        "OS_TEST_TIMEOUT": str(_LONGEST_TEST_S),
    }
    command = [sys.executable, str(HERE / "run_modules.py"), *_ARGUMENTS[over], str(report), *names]
    began = time.monotonic()
    newest = folder / "newest"
    newest.write_text("the first test")
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output) as process,
    ):
        while not _has_ended(process):
            if time.time() - newest.stat().st_mtime > _LONGEST_BETWEEN_S:
                process.kill()
                return None
    if not report.exists():
        raise RuntimeError(f"{folder} broke off:\n{log.read_text(errors='replace')[-4000:]}")
    return Run(**json.loads(report.read_text()), took_s=time.monotonic() - began, log=log)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    return process.returncode is not None


def differences(theirs: dict[str, str], ours: dict[str, str]) -> list[str]:
    """The tests that did not say the same, or were not in both."""
    return sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))


def summary(runs: Iterable[tuple[str, Run]]) -> list[str]:
    """One line for each driver: what all modules said over it."""
    words: dict[str, Counter[str]] = {}
    for over, run in runs:
        words.setdefault(over, Counter()).update(run.tests.values())
    return [f"{over}: " + ", ".join(f"{n} {word}" for word, n in all_.most_common()) for over, all_ in words.items()]
