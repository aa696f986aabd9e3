"""How long the end of a server takes with small and with large persistent memory, beside Nova's own vPMEM in the same L1."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from lab import folders, servers
from lab.compute import STOCK_DRIVER
from lab.configuration import with_drivers
from lab.control.settings import Section
from lab.lab import Lab, Wish
from lab.scenario import Chance, sizes
from lab.steps import Steps, say, wait_for
from tests.lab import signs
from tests.lab.spaces import offered

pytestmark = pytest.mark.full

GIB = {"HALF": 0.5, "ONE": 1.0, "TWO": 2.0}
OURS = ",".join(f"{label}:{label.lower()}" for label in GIB)
NOVAS = "NOVAS_"  # its labels are others, because our providers stay in Placement while Nova's driver runs
BLOCK = len(GIB)
"""Rounds in which each size takes each place once: what was done just before matters."""
BLOCKS, MOST_BLOCKS = 2, 5
MOST = 1.2
AT_REST, RESTS = 0.5, 15


@dataclasses.dataclass(frozen=True)
class End:
    """Seconds from the request to delete a server."""

    place: int
    """Whether it was the first of its round to be deleted, the second or the third, from 0."""
    answered: float
    gone: float
    """Nova's API does not know it any more."""
    available: float
    """Placement has its memory for the next one."""


Ends = Mapping[str, list[End]]


@pytest.fixture
def sizes_lab(steps: Steps, chance: Chance) -> Iterator[Lab]:
    """Three namespaces, each with a label of its own."""
    configured = with_drivers("intel_pmem_driver")
    options: dict[str, Section] = {
        name: {**section, "pmem_namespaces": OURS} for name, section in configured["options"].items()
    }
    lab = Lab(Wish(sizes(chance), driver=configured["driver"], options=options), folders.home(), steps)
    with lab:
        lab.start_nova()
        yield lab
    assert lab.left == []


def test_a_servers_end_takes_no_longer_for_more_memory(sizes_lab: Lab) -> None:
    lab = sizes_lab
    with lab.steps.step("all is offered", 300):
        wait_for(lambda: all(offered(lab, label) == 1 for label in GIB), 2, lab.check)
    ours = measure(lab, "", BLOCKS, is_open)
    with lab.steps.step("nova-compute restarts with Nova's own driver and vPMEM", 300):
        names = ",".join(f"{NOVAS}{label}:{label.lower()}" for label in GIB)
        lab.restart_compute({"libvirt": {"pmem_namespaces": names}}, STOCK_DRIVER)
        wait_for(lambda: all(offered(lab, NOVAS + label) == 1 for label in GIB), 2, lab.check)
    show("nova_accel", ours)
    novas = measure(lab, NOVAS, 1)
    show("nova_accel", ours)
    show("Nova's own vPMEM", novas)
    least, most = (median(ours, label).gone for label in ("HALF", "TWO"))
    assert most <= MOST * least, "its end waits for its memory, or this machine was too busy to tell"
    # Cleaning goes on after that, and takes no more than proportionally longer.
    assert median(ours, "TWO").available <= GIB["TWO"] / GIB["HALF"] * MOST * median(ours, "HALF").available


def is_open(ends: Ends) -> bool:
    """Whether it may be chance that the end of a server takes more or less than the bound, on a machine that has other work to do.

    Compared is what was deleted at the same place of its round in the same block.
    """
    halves, twos = (sorted(enumerate(ends[label]), key=by_block_and_place) for label in ("HALF", "TWO"))
    return signs.is_open((two.gone / half.gone for (_, half), (_, two) in zip(halves, twos, strict=True)), MOST)


def by_block_and_place(numbered: tuple[int, End]) -> tuple[int, int]:
    """Where what was measured in a round stands in the whole."""
    number, one = numbered
    return number // BLOCK, one.place


def measure(lab: Lab, prefix: str, blocks: int, goes_on: Callable[[Ends], bool] = lambda _: False) -> Ends:
    """Boot a server with each size, and delete them one after another, so many blocks of rounds, and more as long as it goes on."""
    ends: dict[str, list[End]] = {label: [] for label in GIB}
    flavors = {label: lab.cloud.flavor(prefix + label, {"hw:pmem": prefix + label}, 192) for label in GIB}
    image = lab.images.guest("accel.quick")
    for number in range(MOST_BLOCKS * BLOCK):
        if number % BLOCK == 0 and number // BLOCK >= blocks and not goes_on(ends):
            break
        with lab.steps.step(f"{prefix or 'nova_accel '}round {number + 1}", 600):
            booted = {label: boot(lab, label, flavors[label], image) for label in GIB}
            order = sorted(GIB, key=lambda one: (list(GIB).index(one) + number) % BLOCK)
            for place, label in enumerate(order):
                rest(lab)
                ends[label].append(end(lab, place, booted[label], prefix + label))
    return ends


def rest(lab: Lab) -> None:
    """Let L1 come to rest, if it does: what a boot or a cleaning left to do would else be counted to the next server's end."""
    for _ in range(RESTS):
        if idle(lab) >= AT_REST:
            return


def idle(lab: Lab) -> float:
    """Which part of two seconds L1 had nothing to do."""
    lines = lab.machine.channel.run("head -n 1 /proc/stat; sleep 2; head -n 1 /proc/stat").splitlines()
    before, after = ([int(word) for word in line.split()[1:9]] for line in lines)
    spent = [later - earlier for earlier, later in zip(before, after, strict=True)]
    return (spent[3] + spent[4]) / sum(spent)  # idle, and waiting for a disk


def boot(lab: Lab, name: str, flavor: str, image: str) -> str:
    """A server whose guest has come up."""
    server = lab.cloud.boot(name.lower(), flavor, image)
    servers.wait_for_status(lab, server, "ACTIVE")
    servers.wait_for_console(lab, server)
    return server


def end(lab: Lab, place: int, server: str, label: str) -> End:
    """Delete a server and see how long it takes."""
    began = time.monotonic()
    lab.cloud.delete(server)
    answered = time.monotonic()
    wait_for(lambda: lab.cloud.status(server) == "GONE", 0.05)
    gone = time.monotonic()
    wait_for(lambda: offered(lab, label) == 1, 0.2, lab.check)
    return End(place, answered - began, gone - began, time.monotonic() - began)


def median(ends: Ends, label: str) -> End:
    """The middle one, number by number."""
    _, *numbers = zip(*(dataclasses.astuple(one) for one in ends[label]), strict=True)
    return End(0, *(statistics.median(one) for one in numbers))


def show(whose: str, ends: Ends) -> None:
    """Print medians, and the range of what was seen."""
    say(f"\n{whose}: seconds from DELETE, median of {len(ends['HALF'])} (least to most)")
    say(f"  {'GiB':>4}  {'answered':>20}  {'server gone':>20}  {'memory available':>20}")
    for label, gib in GIB.items():
        _, *columns = zip(*(dataclasses.astuple(one) for one in ends[label]), strict=True)
        shown = [f"{statistics.median(one):.2f} ({min(one):.2f} to {max(one):.2f})" for one in columns]
        say(f"  {gib:>4}  " + "  ".join(f"{one:>20}" for one in shown))
