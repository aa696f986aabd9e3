"""nova-compute is killed (SIGKILL) at each call that changes hardware, and started again, beside a server that must not notice.

Where it is killed in the middle of a call, root's side goes on alone. Each kill but the first on a server's end is met by a process that
finds what the one before has left. Right before a call is also right after what the ledger noted before it; where no call stands beside
a transition, that is killed by itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator

import pytest

from lab import content, ledger, servers, sham, trap
from lab.control.settings import Section
from lab.lab import Lab
from lab.scenario import Chance, Ssd
from lab.steps import say, wait_for
from tests.faults.points import AFTER, BEFORE, MIDDLE, Point
from tests.lab import spaces
from tests.lab.operations import five, tenants
from tests.lab.operations.five import Table
from tests.lab.operations.tenants import Tenant
from tests.lab.spaces import PREFIX
from tests.lab.ssds import FREE
from tests.lab.test_pmem import GUEST_MIB

pytestmark = pytest.mark.full

_, RELEASE, _, CLEANED = trap.TRANSITIONS
WHOLE = (BEFORE, MIDDLE, AFTER)

# One SSD and one namespace are left for all others, so each gets what the one before had.
BYSTANDER = {"resources1:CUSTOM_SSD": "1", f"resources2:{PREFIX}LAB": "1", "group_policy": "none"}
VICTIM = tenants.SSD_AND_FAR

UNREACHABLE = {"sanitize": "QEMU's NVMe has no such command: tests/data/recorded/nvme-sanitize.txt.err"}
"""Calls that change something and cannot come to be in the lab, and why."""

BY_ZEROS: dict[str, Section] = {"nova_accel": {"clean_methods": "write-zeroes"}}
BY_FORMAT: dict[str, Section] = {}
FORMAT_TAKES_S = 60

KILLED_IN_BOOT = (
    Point("link_namespace", BEFORE),
    Point("link_namespace", AFTER),
    *(Point("hand_over", when) for when in WHOLE),
)


@dataclasses.dataclass(frozen=True)
class Ending:
    """A server's end, in which each life of nova-compute is killed a little later than the one before."""

    name: str
    points: tuple[Point, ...]
    options: dict[str, Section]
    """Of all lives but the first, which cleans by zeros, and that which is not killed."""
    slow: Point | None = None
    """Where ``nvme format`` goes on for a while after nova-compute is dead; the next life begins once it is over."""

    def __str__(self) -> str:
        return self.name


KILLED_IN_DELETE = (
    Ending(
        "release and zeros",
        (
            Point(RELEASE, BEFORE),
            Point("bring_back", BEFORE),
            Point("bring_back", MIDDLE),
            *(Point("zero", when) for when in WHOLE),
        ),
        BY_ZEROS,
    ),
    Ending("zeros through dax", (*(Point("zero_namespace", when) for when in WHOLE), Point(CLEANED, AFTER)), BY_ZEROS),
    Ending(
        "format",
        (
            Point("bring_back", AFTER),
            *(Point("erase", when) for when in WHOLE),
            Point("settle", BEFORE),
            Point("settle", AFTER),
        ),
        BY_FORMAT,
        slow=Point("erase", MIDDLE),
    ),
)

POINTS = (*KILLED_IN_BOOT, *(point for ending in KILLED_IN_DELETE for point in ending.points))

# Whose data is there until then: the SSD's is the first.
NOT_YET_ERASED = {RELEASE: (0, 1), "bring_back": (0,), "erase": (0,), "zero": (0,), "zero_namespace": (1,)}

# What root's side makes true alone, once it has begun, of the SSD's driver or of the bytes.
DRIVER_AFTERWARDS = {"hand_over": "vfio-pci", "bring_back": "nvme"}


@dataclasses.dataclass(frozen=True)
class Death:
    """What there was of the victim when nova-compute was dead."""

    point: Point
    states: str
    driver: str
    data: str
    then: str = ""


@dataclasses.dataclass
class Deaths:
    """All of them, for the table."""

    rows: list[Death] = dataclasses.field(default_factory=list)

    def show(self) -> None:
        """Print it."""
        heads = ("killed", "its handles", "SSD on", "data on", "root's side then")
        cells = [(str(one.point), one.states, one.driver, one.data, one.then) for one in self.rows]
        widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
        say("")
        for row in (heads, *cells):
            say("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


@pytest.fixture(scope="module")
def deaths() -> Iterator[Deaths]:
    """Filled kill by kill."""
    deaths = Deaths()
    yield deaths
    deaths.show()


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    """What five witnesses say of the bystander after each kill, and of each victim in the end."""
    table = Table()
    yield table
    table.show()


@pytest.fixture(scope="module")
def bystander(lab: Lab, chance: Chance, table: Table, deaths: Deaths) -> Iterator[Tenant]:
    """A server that has an SSD and a namespace from the first kill to the last."""
    with lab.steps.step("a server has an SSD and a namespace and wrote to them", 420):
        tenant = tenants.boot(lab, chance, "bystander", BYSTANDER)
    with lab.steps.step("nova-compute starts with its traps", 300):
        lab.compute.have_traps()
        lab.restart_compute(BY_ZEROS)
    table.add("bystander: boot", five.kept(lab, tenant))
    yield tenant
    with lab.steps.step("nova-compute starts without traps", 300):
        lab.compute.disarm()
        lab.restart_compute()
    with lab.steps.step("the bystander reads what it wrote, and is deleted", 300):
        assert tenants.reads_now(lab, tenant) == tuple(sorted(tenant.written))
        table.add("bystander: end", five.kept(lab, tenant))
        tenants.delete(lab, tenant)
    table.add("bystander: delete", five.gone(lab, tenant))


@pytest.fixture
def guest_of_bystander(lab: Lab, bystander: Tenant) -> Iterator[None]:
    """Its guest is the same before and after."""
    before = tenants.boot_id(lab, bystander)
    yield
    assert tenants.boot_id(lab, bystander) == before != ""


@pytest.mark.parametrize("point", KILLED_IN_BOOT, ids=str)
@pytest.mark.usefixtures("guest_of_bystander")
def test_killed_while_a_server_is_made(lab: Lab, bystander: Tenant, table: Table, deaths: Deaths, point: Point) -> None:
    with lab.steps.step(f"a server is asked for, killed {point}", 300), armed(lab, point):
        tenants.wait_for_room(lab, VICTIM)
        flavor = lab.cloud.flavor(f"victim, {point}", VICTIM, GUEST_MIB)
        server = lab.cloud.boot("victim", flavor, lab.images.guest())
        wait_for_death(lab, point)
        victim = by_ledger(lab, server)
        note(lab, deaths, point, victim)
    table.add(f"bystander: {point}", five.kept(lab, bystander))
    with lab.steps.step("nova-compute starts again", 300):
        lab.start_compute()
        servers.wait_until_idle(lab, server)
    say(f"  Nova has the server in {lab.cloud.status(server)}")
    with lab.steps.step("it is deleted, what it had is clean and offered", 300):
        lab.cloud.delete(server)
        wait_until_over(lab, victim)
    table.add(str(point), five.gone(lab, victim))


@pytest.mark.parametrize("ending", KILLED_IN_DELETE, ids=str)
@pytest.mark.usefixtures("guest_of_bystander")
def test_killed_while_a_server_is_deleted(
    lab: Lab, chance: Chance, bystander: Tenant, table: Table, deaths: Deaths, ending: Ending
) -> None:
    with lab.steps.step("a server finds its devices empty and writes to them", 420):
        victim = tenants.boot(lab, chance, f"victim, {ending}", VICTIM)
    with lab.steps.step(f"it is deleted, killed {ending.points[0]}", 300), armed(lab, ending.points[0]):
        lab.cloud.delete(victim.server)
        wait_for_death(lab, ending.points[0])
        note(lab, deaths, ending.points[0], victim)
    table.add(f"bystander: {ending.points[0]}", five.kept(lab, bystander))
    for _, point in itertools.pairwise(ending.points):
        with (
            lab.steps.step(f"nova-compute starts again, killed {point}", 420),
            armed(lab, point, slowly=ending.slow == point),
        ):
            lab.start_doomed_compute(ending.options)
            wait_for_death(lab, point)
            note(lab, deaths, point, victim, alone=ending.slow != point)
        table.add(f"bystander: {point}", five.kept(lab, bystander))
    with lab.steps.step("nova-compute starts again, what the server had is clean and offered", 420):
        lab.restart_compute(BY_ZEROS)
        wait_until_over(lab, victim)
    table.add(str(ending), five.gone(lab, victim))


def test_another_server_finds_its_devices_empty(lab: Lab, chance: Chance, bystander: Tenant, table: Table) -> None:
    with lab.steps.step("another server finds its devices empty and writes to them", 420):
        heir = tenants.boot(lab, chance, "heir", VICTIM)
    table.add("heir: boot", five.kept(lab, heir))
    with lab.steps.step("it is deleted", 240):
        lab.cloud.delete(heir.server)
        wait_until_over(lab, heir)
    table.add("heir: delete", five.gone(lab, heir))


@contextlib.contextmanager
def armed(lab: Lab, point: Point, *, slowly: bool = False) -> Iterator[None]:
    """While this lasts nova-compute dies at a point, once."""
    with sham.slow_format(lab.machine, FORMAT_TAKES_S) if slowly else contextlib.nullcontext():
        lab.compute.arm(str(point))
        yield


def wait_for_death(lab: Lab, point: Point) -> None:
    """Wait until nova-compute is not there any more, and see that it died where it should."""
    wait_for(lambda: not lab.compute.running(), 0.5, lab.check)
    said = [line for line in lab.compute.log.read_text(errors="replace").splitlines() if trap.SPRUNG in line]
    assert said[-1:] == [f"{trap.SPRUNG} {point}"]


def by_ledger(lab: Lab, server: str) -> Tenant:
    """A server whose guest never ran, with what the ledger says that it has."""
    has = {one.identity for one in ledger.read(lab.machine).handles.values() if one.server == server}
    ssds = tuple(ssd for ssd in lab.wish.scenario.ssds if ssd.serial in has)
    theirs = tuple(space for space in spaces.look(lab).values() if space.uuid in has)
    assert (len(ssds), len(theirs), len(has)) == (1, 1, 2)
    return Tenant(server, ssds, theirs, "", 0, "")


def note(lab: Lab, deaths: Deaths, point: Point, victim: Tenant, *, alone: bool = True) -> None:
    """Note what is found of a victim, and wait for what root's side makes of a call in whose middle it was left alone.

    :param alone: whether it will be done before anybody else comes
    """
    states = {one: entry.state for one, entry in ledger.read(lab.machine).handles.items() if one in victim.identities}
    data, driver = has_data(lab, victim), on_driver(lab, victim.ssds[0])
    deaths.rows.append(Death(point, ", ".join(sorted(states.values())), driver, in_words(data)))
    offered = [states[one.serial] == "available" for one in victim.ssds]
    offered += [states[one.uuid] == "available" for one in victim.spaces]
    assert not any(there and given for there, given in zip(data, offered, strict=True))
    if point.when == BEFORE and victim.nonce:
        assert all(data[one] for one in NOT_YET_ERASED.get(point.what, ()))
    if point.when == MIDDLE:
        then = "still at it"
        if alone:
            wait_for(lambda: is_done(lab, point.what, victim), 0.5, lab.check)
            then = f"SSD on {on_driver(lab, victim.ssds[0])}, data on {in_words(has_data(lab, victim))}"
        deaths.rows[-1] = dataclasses.replace(deaths.rows[-1], then=then)


def is_done(lab: Lab, call: str, victim: Tenant) -> bool:
    """Whether that is true what a call brings about."""
    if call in DRIVER_AFTERWARDS:
        return on_driver(lab, victim.ssds[0]) == DRIVER_AFTERWARDS[call]
    on_ssd, on_space = has_data(lab, victim)
    return not (on_space if call == "zero_namespace" else on_ssd)


def has_data(lab: Lab, victim: Tenant) -> list[bool]:
    """Whether there is any on its SSD, and on its namespace."""
    images = [lab.machine.backing_image(ssd.name) for ssd in victim.ssds]
    return [content.first_data(image) is not None for image in images] + [not one.is_zero for one in victim.spaces]


def in_words(data: list[bool]) -> str:
    """Where data is, for the table."""
    return ", ".join(name for name, there in zip(("SSD", "namespace"), data, strict=True) if there) or "none"


def on_driver(lab: Lab, ssd: Ssd) -> str:
    """The driver that runs an SSD; empty when there is none."""
    found = lab.machine.channel.run(f"readlink {folder_of(lab, ssd)}/driver || true").strip()
    return found.rpartition("/")[2]


def folder_of(lab: Lab, ssd: Ssd) -> str:
    """Of an SSD in L1's sysfs."""
    return f"/sys/bus/pci/devices/{ledger.read(lab.machine).addresses[ssd.serial]}"


def wait_until_over(lab: Lab, victim: Tenant) -> None:
    """Wait until a server is gone and what it had offered: its SSD on nvme and unmarked, only the bystander's on vfio-pci."""
    wait_for(lambda: lab.cloud.status(victim.server) == "GONE", 1, lab.check)
    tenants.wait_until_clean(lab, victim)
    (ssd,) = victim.ssds
    marked = lab.machine.channel.run(["cat", f"{folder_of(lab, ssd)}/driver_override"]).strip()
    assert (on_driver(lab, ssd), marked) == ("nvme", "(null)")
    held = lab.machine.channel.run("ls /sys/bus/pci/drivers/vfio-pci").split()
    assert len([name for name in held if ":" in name]) == len(FREE) - 1
