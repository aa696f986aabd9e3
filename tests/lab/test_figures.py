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
ROUNDS, MOST_ROUNDS = 5, 15
MOST = 1.2


@dataclasses.dataclass(frozen=True)
class End:
    """Seconds from the request to delete a server."""

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
    ours = measure(lab, "", is_open)
    with lab.steps.step("nova-compute restarts with Nova's own driver and vPMEM", 300):
        names = ",".join(f"{NOVAS}{label}:{label.lower()}" for label in GIB)
        lab.restart_compute({"libvirt": {"pmem_namespaces": names}}, STOCK_DRIVER)
        wait_for(lambda: all(offered(lab, NOVAS + label) == 1 for label in GIB), 2, lab.check)
    show("nova_accel", ours)
    novas = measure(lab, NOVAS)
    show("nova_accel", ours)
    show("Nova's own vPMEM", novas)
    least, most = (median(ours, label).gone for label in ("HALF", "TWO"))
    assert most <= MOST * least, "its end waits for its memory, or this machine was too busy to tell"
    # Cleaning goes on after that, and takes no more than proportionally longer.
    assert median(ours, "TWO").available <= GIB["TWO"] / GIB["HALF"] * MOST * median(ours, "HALF").available


def is_open(ends: Ends) -> bool:
    """Whether it may be chance that the end of a server takes more or less than the bound, on a machine that has other work to do."""
    return signs.is_open((two.gone / half.gone for half, two in zip(ends["HALF"], ends["TWO"], strict=True)), MOST)


def measure(lab: Lab, prefix: str, goes_on: Callable[[Ends], bool] = lambda _: False) -> Ends:
    """Boot a server with each size, and delete them one after another, several times, and more times as long as it goes on."""
    ends: dict[str, list[End]] = {label: [] for label in GIB}
    flavors = {label: lab.cloud.flavor(prefix + label, {"hw:pmem": prefix + label}, 192) for label in GIB}
    image = lab.images.guest("accel.quick")
    for number in range(MOST_ROUNDS):
        if number >= ROUNDS and not goes_on(ends):
            break
        with lab.steps.step(f"{prefix or 'nova_accel '}round {number + 1}", 420):
            booted = {label: boot(lab, label, flavors[label], image) for label in GIB}
            for label in sorted(GIB, key=lambda one: (list(GIB).index(one) + number) % len(GIB)):
                ends[label].append(end(lab, booted[label], prefix + label))
    return ends


def boot(lab: Lab, name: str, flavor: str, image: str) -> str:
    """A server whose guest has come up."""
    server = lab.cloud.boot(name.lower(), flavor, image)
    servers.wait_for_status(lab, server, "ACTIVE")
    servers.wait_for_console(lab, server)
    return server


def end(lab: Lab, server: str, label: str) -> End:
    """Delete a server and see how long it takes."""
    began = time.monotonic()
    lab.cloud.delete(server)
    answered = time.monotonic()
    wait_for(lambda: lab.cloud.status(server) == "GONE", 0.05)
    gone = time.monotonic()
    wait_for(lambda: offered(lab, label) == 1, 0.2, lab.check)
    return End(answered - began, gone - began, time.monotonic() - began)


def median(ends: Ends, label: str) -> End:
    """The middle one, number by number."""
    numbers = zip(*(dataclasses.astuple(one) for one in ends[label]), strict=True)
    return End(*(statistics.median(one) for one in numbers))


def show(whose: str, ends: Ends) -> None:
    """Print medians, and the range of what was seen."""
    say(f"\n{whose}: seconds from DELETE, median of {len(ends['HALF'])} (least to most)")
    say(f"  {'GiB':>4}  {'answered':>20}  {'server gone':>20}  {'memory available':>20}")
    for label, gib in GIB.items():
        columns = zip(*(dataclasses.astuple(one) for one in ends[label]), strict=True)
        shown = [f"{statistics.median(one):.2f} ({min(one):.2f} to {max(one):.2f})" for one in columns]
        say(f"  {gib:>4}  " + "  ".join(f"{one:>20}" for one in shown))
