"""The kernel's name of an SSD may become another one's at any moment: what is opened by it is proven to be the one that is meant."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nova_accel.privsep import binding, blocks, controller, erasing, held, pinned, sanitizing, tool
from nova_accel.privsep.errors import Refused
from tests.unit.devices import loop_device

AT, SERIAL = "0000:01:00.0", "SN1"
SIZE = 4 * 1024**2  # of a loop device
OTHER = b"another's"
NODE = Path("/dev/full")  # stands for the controller's


def call(function, *arguments):
    # In a thread of its own, because a thread that ran a tool has given up gaining privileges for good.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function.__wrapped__, *arguments).result()


def is_open(node):
    return str(node) in {os.path.realpath(path) for path in Path("/proc/self/fd").iterdir()}


class Host:
    """One SSD in a sysfs of files; its nodes are links to what there is."""

    def __init__(self, root, monkeypatch):
        self.dev = root / "dev"
        self.pci = root / "pci" / AT
        self.running = self.pci / "nvme" / "nvme3"
        self.running.mkdir(parents=True)
        self.dev.mkdir()
        (self.pci / "class").write_text("0x010802\n")
        (self.running / "serial").write_text(f"{SERIAL}\n")
        self.has("nvme3", NODE, self.running)
        for module, name, there in (
            (controller, "_PCI_DEVICES", root / "pci"),
            (controller, "_SUBSYSTEMS", root / "subsystems"),
            (blocks, "_DEV", self.dev),
            (pinned, "_DEV", self.dev),
        ):
            monkeypatch.setattr(module, name, there)
        monkeypatch.setattr(controller, "refuse_if_used", lambda names: None)

    def has(self, name, node, folder):
        """Say what is under a name, in /dev and in the kernel's own words."""
        self.leads_to(name, node)
        folder.mkdir(parents=True, exist_ok=True)
        number = node.stat().st_rdev
        (folder / "dev").write_text(f"{os.major(number)}:{os.minor(number)}\n")

    def leads_to(self, name, node):
        (self.dev / name).unlink(missing_ok=True)
        (self.dev / name).symlink_to(node)

    def exchange(self):
        """Another SSD is in its place."""
        (self.running / "serial").write_text("SN2\n")


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setattr(tool, "run", lambda argv, timeout_s: pytest.fail(f"{argv} was run"))
    return Host(tmp_path, monkeypatch)


@pytest.fixture
def disk(host, tmp_path):
    (tmp_path / "a").mkdir()
    with loop_device(tmp_path / "a") as disk:
        host.has("nvme3n1", disk, host.running / "nvme3n1")
        yield disk


@pytest.fixture
def another(tmp_path):
    (tmp_path / "b").mkdir()
    with loop_device(tmp_path / "b") as disk:
        disk.write_bytes(OTHER)
        yield disk
        assert disk.read_bytes()[: len(OTHER)] == OTHER


@pytest.fixture
def gone_while_it_is_opened(host, disk, another, monkeypatch):
    """From the last look at sysfs before the open on, the name is another SSD's."""

    def namespaces(folder):
        names = before(folder)
        host.leads_to("nvme3n1", another)
        return names

    before = controller.namespaces
    monkeypatch.setattr(controller, "namespaces", namespaces)


@pytest.fixture
def gone_while_processes_are_looked_at(host, disk, another, monkeypatch):
    monkeypatch.setattr(controller, "refuse_if_used", lambda names: host.leads_to("nvme3n1", another))


TAKES_IT = [
    (erasing.erase, ("format", 60.0)),
    (erasing.zero, ("nvme3n1", "write-zeroes", 0, SIZE)),
    (erasing.zero, ("nvme3n1", "overwrite", 0, SIZE)),
    (sanitizing.sanitize, ("sanitize-block",)),
    (binding.hand_over, ()),
    (binding.bring_back, ()),
]
READS_IT = [
    (erasing.sizes, ()),
    (erasing.first_nonzero, ("nvme3n1", 0, SIZE)),
    (erasing.first_unlike, ("nvme3n1", 0, SIZE)),
]
ASKS_IT = [
    (erasing.id_ctrl, ()),
    (erasing.list_ns, (True,)),
    (erasing.list_ns, (False,)),
    (sanitizing.sanitize_log, ()),
]


@pytest.fixture
def on_nvme(host, tmp_path, monkeypatch):
    """What moving it between drivers needs."""
    for driver in ("nvme", "vfio-pci"):
        (tmp_path / "drivers" / driver).mkdir(parents=True)
    (host.pci / "driver").symlink_to(tmp_path / "drivers/nvme")
    (host.pci / "driver_override").write_text("")
    (host.running / "state").write_text("live\n")
    monkeypatch.setattr(binding, "_DRIVERS", tmp_path / "drivers")
    monkeypatch.setattr(binding, "_DEV", host.dev)
    monkeypatch.setattr(held, "_FOLDER", tmp_path / "held")
    yield
    assert (host.pci / "driver_override").read_text() == ""


@pytest.mark.parametrize(("function", "arguments"), TAKES_IT)
def test_an_ssd_whose_name_went_to_another_one_is_neither_erased_nor_handed_over(
    gone_while_processes_are_looked_at, on_nvme, function, arguments
):
    with pytest.raises(Refused, match=f"/dev/nvme3n1 is not of the SSD at {AT}, or not any more"):
        call(function, AT, SERIAL, *arguments)


@pytest.mark.parametrize(("function", "arguments"), READS_IT)
def test_what_another_one_holds_is_not_read_for_it(gone_while_it_is_opened, function, arguments):
    with pytest.raises(Refused, match=f"/dev/nvme3n1 is not of the SSD at {AT}, or not any more"):
        call(function, AT, SERIAL, *arguments)


@pytest.mark.parametrize(("function", "arguments"), TAKES_IT)
def test_an_ssd_that_was_exchanged_while_processes_are_looked_at_is_left_alone(
    host, disk, on_nvme, monkeypatch, function, arguments
):
    monkeypatch.setattr(controller, "refuse_if_used", lambda names: host.exchange())
    with pytest.raises(Refused, match="holds the SSD with serial SN2, not SN1"):
        call(function, AT, SERIAL, *arguments)


@pytest.mark.parametrize(("function", "arguments"), ASKS_IT)
@pytest.mark.parametrize("node", ["/dev/zero", "/dev/no-such-node"])
def test_a_controller_whose_name_went_to_another_one_is_not_asked(host, node, function, arguments):
    host.leads_to("nvme3", Path(node))
    with pytest.raises(Refused, match=r"/dev/nvme3 (is not of the SSD at|cannot be opened: No such file)"):
        call(function, AT, SERIAL, *arguments)


def test_a_sanitize_goes_to_no_other_controller(host, disk):
    host.leads_to("nvme3", Path("/dev/zero"))
    with pytest.raises(Refused, match="/dev/nvme3 is not of the SSD at"):
        call(sanitizing.sanitize, AT, SERIAL, "sanitize-block")


@pytest.mark.parametrize(("function", "arguments"), ASKS_IT)
def test_a_controller_is_open_as_long_as_a_tool_goes_by_its_name(host, monkeypatch, function, arguments):
    asked = []
    monkeypatch.setattr(tool, "run", lambda argv, timeout_s: asked.append((argv[2], is_open(NODE))))
    call(function, AT, SERIAL, *arguments)
    assert asked == [("/dev/nvme3", True)]
    assert not is_open(NODE)


def test_what_is_the_ssds_own_is_read(host, disk):
    disk.write_bytes(bytes(SIZE))
    assert call(erasing.sizes, AT, SERIAL) == {"nvme3n1": SIZE}
    assert call(erasing.first_nonzero, AT, SERIAL, "nvme3n1", 0, SIZE) == -1
    with pytest.raises(Refused, match=f"{AT} has no namespace 'nvme3n2'"):
        call(erasing.first_nonzero, AT, SERIAL, "nvme3n2", 0, SIZE)


def test_with_native_multipath_the_numbers_are_the_subsystem_s(host, tmp_path):
    (tmp_path / "subsystems/nvme-subsys5/nvme3").mkdir(parents=True)
    (host.running / "nvme5c3n1").mkdir()
    (host.running / "nvme5c3n2").mkdir()
    host.has("nvme5n1", Path("/dev/zero"), tmp_path / "subsystems/nvme-subsys5/nvme5n1")
    assert controller.namespaces(host.pci) == ("nvme5n1", "nvme5n2")
    assert controller.numbers(host.pci) == {"nvme5n1": Path("/dev/zero").stat().st_rdev}
