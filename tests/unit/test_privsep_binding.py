"""Moving a controller between drivers, over a sysfs of files that a small kernel answers."""

import contextlib
import os
import threading
import time

import pytest

from nova_accel.privsep import binding, blocks, controller, held
from nova_accel.privsep.errors import Failed, Lost, Refused
from tests.unit.devices import loop_device

AT = "0000:01:00.0"


class Kernel:
    """Answers writes to ``unbind`` and ``drivers_probe`` as the kernel does, in a thread of its own."""

    def __init__(self, root):
        self.root = root
        self.folder = root / "devices" / AT
        self.folder.mkdir(parents=True)
        self.states = ["live"]
        """What the controller says after it was bound to nvme, one after the other; "" when the driver has let it go."""
        self.namespaces = ["nvme0n1"]
        self.takes = True
        (self.folder / "class").write_text("0x010802\n")
        (self.folder / "driver_override").write_text("vfio-pci\n")
        (root / "probe").write_text("")
        (root / "dev").mkdir()
        for driver in ("nvme", "vfio-pci"):
            (root / "drivers" / driver).mkdir(parents=True)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def bind(self, driver):
        (self.folder / "driver").unlink(missing_ok=True)
        if driver is None:
            return
        (self.root / "drivers" / driver / "unbind").write_text("")
        (self.folder / "driver").symlink_to(self.root / "drivers" / driver)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        if self._thread.ident:
            self._thread.join()

    def _serve(self):
        states = []
        while not self._stop.wait(0.01):
            if (self.folder / "driver").exists() and (self.folder / "driver/unbind").read_text() == AT:
                self.bind(None)
            if (self.root / "probe").read_text() == AT:
                (self.root / "probe").write_text("")
                if self.takes:
                    self.bind((self.folder / "driver_override").read_text().strip())
                states = list(self.states)
            if states and (self.folder / "driver").exists() and (self.folder / "driver").resolve().name == "nvme":
                self._become(states.pop(0))

    def _become(self, state):
        if not state:
            self.bind(None)
            return
        running = self.folder / "nvme/nvme0"
        running.mkdir(parents=True, exist_ok=True)
        for name in self.namespaces:
            (running / name).mkdir(exist_ok=True)
            # A file stands for the block device, and has no number.
            (running / name / "dev").write_text("0:0\n")
            (self.root / "dev" / name).touch()
        (running / "state").write_text(state + "\n")


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    kernel = Kernel(tmp_path)
    monkeypatch.setattr(controller, "_PCI_DEVICES", tmp_path / "devices")
    monkeypatch.setattr(binding, "_DRIVERS", tmp_path / "drivers")
    monkeypatch.setattr(binding, "_PROBE", tmp_path / "probe")
    monkeypatch.setattr(binding, "_DEV", tmp_path / "dev")
    monkeypatch.setattr(blocks, "_DEV", tmp_path / "dev")
    monkeypatch.setattr(binding, "_SETTLE_S", 3.0)
    monkeypatch.setattr(binding, "_WRITE_TIMEOUT_S", 2.0)
    monkeypatch.setattr(binding, "_POLL_S", 0.005)
    monkeypatch.setattr(held, "_FOLDER", tmp_path / "held")
    yield kernel
    kernel.stop()


def bring_back(serial=""):
    binding.bring_back.__wrapped__(AT, serial)


@pytest.mark.parametrize("states", [["live"], ["new", "resetting", "connecting", "live"]])
@pytest.mark.parametrize("bound_to", ["vfio-pci", None])
def test_a_controller_comes_back_when_it_is_live_and_marked(kernel, states, bound_to):
    kernel.bind(bound_to)
    kernel.states = states
    kernel.start()
    bring_back()
    assert (kernel.folder / "driver").resolve().name == "nvme"
    assert (kernel.folder / "driver_override").read_text() == "nvme"
    assert (kernel.folder / "nvme/nvme0/state").read_text() == "live\n"


def test_one_that_is_there_already_is_only_marked(kernel):
    kernel.bind("nvme")
    kernel._become("live")
    bring_back()
    assert (kernel.folder / "driver_override").read_text() == "nvme"


@contextlib.contextmanager
def held_exclusively(disk):
    descriptor = os.open(disk, os.O_RDONLY | os.O_EXCL)
    try:
        yield
    finally:
        os.close(descriptor)


@pytest.fixture
def on_nvme(kernel):
    kernel.bind("nvme")
    kernel._become("live")
    (kernel.folder / "nvme/nvme0/serial").write_text("SN1                 \n")
    return kernel


def test_one_that_the_host_has_taken_meanwhile_is_not_marked(on_nvme, tmp_path):
    with loop_device(tmp_path) as disk:
        (tmp_path / "dev/nvme0n1").unlink()
        (tmp_path / "dev/nvme0n1").symlink_to(disk)
        number = disk.stat().st_rdev
        (on_nvme.folder / "nvme/nvme0/nvme0n1/dev").write_text(f"{os.major(number)}:{os.minor(number)}\n")
        with held_exclusively(disk), pytest.raises(Refused, match="/dev/nvme0n1 is in use by this host"):
            bring_back("SN1")
        assert (on_nvme.folder / "driver_override").read_text() == "vfio-pci\n"
        bring_back("SN1")
    assert (on_nvme.folder / "driver_override").read_text() == "nvme"


def test_one_that_a_process_writes_to_is_not_marked(on_nvme, monkeypatch):
    def refuse(names):
        raise Refused(f"dd (process 123) has {names[0]} open for writing")

    monkeypatch.setattr(controller, "refuse_if_used", refuse)
    with pytest.raises(Refused, match="has nvme0n1 open for writing"):
        bring_back()
    assert (on_nvme.folder / "driver_override").read_text() == "vfio-pci\n"


def test_another_ssd_than_the_caller_means_is_not_marked(on_nvme):
    with pytest.raises(Refused, match="holds the SSD with serial SN1, not SN2"):
        bring_back("SN2")
    assert (on_nvme.folder / "driver_override").read_text() == "vfio-pci\n"


@pytest.mark.parametrize(
    ("states", "words"),
    [
        (["new", "resetting", "dead"], "did not come up on nvme: the driver gave it up"),
        # Who looks rarely enough does not see that it was there.
        (
            ["new", "resetting", "deleting", ""],
            "did not come up on nvme.*: (the driver gave it up|it is bound to no driver)",
        ),
        (["new", "resetting"], "did not come up on nvme within 3 s: it is resetting"),
        (["connecting"], "did not come up on nvme within 3 s: it is connecting"),
        ([], "did not come up on nvme within 3 s: it is starting"),
    ],
)
def test_a_controller_that_does_not_come_up_is_lost(kernel, states, words):
    kernel.bind("vfio-pci")
    kernel.states = states
    kernel.start()
    with pytest.raises(Lost, match=rf"^{AT} {words}$"):
        bring_back()


def test_a_controller_that_the_driver_does_not_take_is_lost(kernel):
    kernel.takes = False
    kernel.start()
    with pytest.raises(Lost, match="within 3 s: it is bound to no driver"):
        bring_back()


def test_one_that_hung_before_is_lost_again_when_it_is_brought_back_again(kernel):
    kernel.bind("nvme")
    kernel._become("dead")
    with pytest.raises(Lost, match="the driver gave it up"):
        bring_back()


def test_a_controller_that_answers_and_has_no_namespace_is_a_failure_and_not_lost(kernel):
    kernel.namespaces = []
    kernel.bind("vfio-pci")
    kernel.start()
    with pytest.raises(Failed, match="has no namespace any more, so nothing of it can be erased") as failure:
        bring_back()
    assert not isinstance(failure.value, Lost)


def test_a_missing_block_device_is_a_failure_and_not_lost(kernel):
    kernel.bind("nvme")
    kernel._become("live")
    (kernel.root / "dev/nvme0n1").unlink()
    with pytest.raises(Failed, match=r"the block devices nvme0n1 of .* are not in /dev") as failure:
        bring_back()
    assert not isinstance(failure.value, Lost)


@pytest.mark.parametrize("file", ["probe", "drivers/vfio-pci/unbind", f"devices/{AT}/driver_override"])
def test_a_write_that_the_kernel_does_not_come_back_from_means_the_device_is_lost(kernel, file):
    kernel.bind("vfio-pci" if file != "probe" else None)
    path = kernel.root / file
    path.unlink()
    os.mkfifo(path)  # nobody reads it, so whoever opens it waits
    started = time.monotonic()
    with pytest.raises(Lost, match=r"has not taken '.*' within 2 s: the device hangs"):
        bring_back()
    assert time.monotonic() - started < 20
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))  # let the thread go


def test_a_write_that_the_kernel_refuses_is_a_failure_and_not_lost(kernel):
    (kernel.root / "probe").unlink()
    (kernel.root / "probe").mkdir()
    with pytest.raises(Failed, match=r"does not take '0000:01:00.0': Is a directory") as failure:
        bring_back()
    assert not isinstance(failure.value, Lost)


def test_a_controller_of_another_driver_is_refused(kernel):
    (kernel.root / "drivers/other").mkdir()
    kernel.bind("other")
    with pytest.raises(Refused, match="is bound to other"):
        bring_back()
    assert (kernel.folder / "driver_override").read_text() == "vfio-pci\n"


def test_a_clean_one_loses_the_mark_whatever_its_driver_is(kernel):
    for driver in ("nvme", None):
        kernel.bind(driver)
        binding.settle.__wrapped__(AT)
        assert (kernel.folder / "driver_override").read_text() == "\n"


def test_the_whole_call_has_time_for_each_of_its_steps():
    assert binding._CALL_TIMEOUT_S > 3 * binding._WRITE_TIMEOUT_S + binding._SETTLE_S


def test_a_controller_that_takes_as_long_as_it_may_is_not_lost():
    slowest_s = 255 * 0.5  # the field CAP.TO has eight bits of half a second each
    assert min(binding._WRITE_TIMEOUT_S, binding._SETTLE_S) > slowest_s


def test_an_ssd_with_any_serial_number_is_held_before_it_leaves_the_host(on_nvme, tmp_path):
    (on_nvme.folder / "nvme/nvme0/serial").write_text(" A(1)/B             \n")
    on_nvme.start()
    binding.hand_over.__wrapped__(AT, "A(1)/B")
    assert (on_nvme.folder / "driver").resolve().name == "vfio-pci"
    assert (tmp_path / "held/ A_1_/B").is_file()


def test_udev_is_kept_off_until_it_is_clean(kernel, tmp_path):
    kernel.bind("vfio-pci")
    kernel.start()
    held.hold("SN1")
    bring_back()
    assert (tmp_path / "held/SN1").exists()
    (kernel.folder / "nvme/nvme0/serial").write_text("SN1                 \n")
    binding.settle.__wrapped__(AT)
    assert not (tmp_path / "held/SN1").exists()
