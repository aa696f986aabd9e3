"""The script of the how-to page erases what waits for it, and nothing else."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "docs/how-to/external_cleaner.sh"
WAITS = "dirty: waits for whoever cleans it: nova-accel device clean S4DIRTY --done-by NAME ([nova_accel] one_time_use)"
LISTED = f"""\
S4WAITS CUSTOM_SSD 0000:01:00.0 {WAITS}
S4FOREIGN CUSTOM_SSD 0000:02:00.0 dirty: nvme1n1 at byte 0 holds data that no server released, so it is not erased
S4FREE CUSTOM_SSD 0000:03:00.0 None
S4AWAY CUSTOM_SSD None it was not there when nova-compute last looked; {WAITS}
f1f2 CUSTOM_PMEM_NAMESPACE_6GB namespace0.1 {WAITS}
"""


class Machine:
    """A machine whose SSDs are folders, and whose commands write down how they were called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.called = root / "called"
        self.called.touch()
        (root / "bin").mkdir()
        (root / "listed").write_text(LISTED)
        self.command("sudo", f'case "$*" in *"device list"*) cat {root}/listed ;; *) echo "$*" >>{self.called} ;; esac')
        self.command("your-cleaner", f'echo "your-cleaner $*" >>{self.called}')
        self.command("wipefs", "exit 0")
        self.device = root / "sys/bus/pci/devices/0000:01:00.0"
        for folder in (self.device / "nvme/nvme4/nvme4n1", root / "dev/vfio"):
            folder.mkdir(parents=True)
        self.bound_to("vfio-pci")
        (self.device / "driver_override").write_text("vfio-pci\n")
        (self.device / "iommu_group").symlink_to(root / "sys/kernel/iommu_groups/17")
        (root / "dev/vfio/17").touch()
        self.serial("S4WAITS")

    def bound_to(self, name: str) -> None:
        driver = self.root / "sys/bus/pci/drivers" / name
        driver.mkdir(parents=True)
        (self.device / "driver").unlink(missing_ok=True)
        (self.device / "driver").symlink_to(driver)

    def left_alone(self) -> bool:
        """Whether nothing was written to the SSD's part of sysfs, and no cleaner ran."""
        written = (self.device / "driver_override").read_text() != "vfio-pci\n" or (
            self.device / "driver/unbind"
        ).exists()
        return not written and "your-cleaner /" not in self.called.read_text()

    def command(self, name: str, line: str) -> None:
        path = self.root / "bin" / name
        path.write_text(f"#!/bin/bash\n{line}\n")
        path.chmod(0o755)

    def serial(self, serial: str) -> None:
        (self.device / "nvme/nvme4/serial").write_text(f"{serial}          \n")

    def run(self) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"PATH": f"{self.root}/bin:{os.environ['PATH']}"}
        env |= {"SYS": f"{self.root}/sys", "DEV": f"{self.root}/dev", "LOCK": f"{self.root}/lock"}
        return subprocess.run(["bash", SCRIPT], env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_waits_is_erased_out_of_udevs_sight_and_said_to_be_clean(machine: Machine):
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "")
    called = machine.called.read_text().splitlines()
    assert called[0] == f"your-cleaner {machine.root}/dev/nvme4n1"
    assert called[1].startswith("-u nova /opt/nova/bin/nova-accel device clean S4WAITS --done-by your-cleaner on ")
    assert len(called) == 2
    assert (machine.device / "driver_override").read_text() == "nvme\n"
    assert (machine.device / "driver/unbind").read_text() == "0000:01:00.0\n"


def test_another_ssd_in_its_place_is_left_alone(machine: Machine):
    machine.serial("S4OTHER")
    done = machine.run()
    assert (done.returncode, done.stderr) == (1, "at 0000:01:00.0 is S4OTHER, not S4WAITS\n")
    assert machine.called.read_text() == ""


def test_a_cleaner_that_fails_ends_it(machine: Machine):
    machine.command("your-cleaner", "exit 3")
    assert machine.run().returncode == 3
    assert machine.called.read_text() == ""


def test_where_nothing_waits_nothing_is_done(machine: Machine):
    (machine.root / "listed").write_text("")
    assert machine.run().returncode == 0
    assert machine.called.read_text() == ""


def test_one_that_does_not_wait_any_more_when_its_turn_comes_is_left_alone(machine: Machine):
    # The cleaner of the one before it takes hours; meanwhile a guest got an SSD that was put in this one's place.
    first = machine.root / "first"
    machine.command(
        "sudo",
        f'case "$*" in *"device list"*) if [ -e {first} ]; then echo "S4NEW CUSTOM_SSD 0000:01:00.0 None";'
        f" else touch {first}; cat {machine.root}/listed; fi ;; esac",
    )
    done = machine.run()
    assert (done.returncode, done.stderr) == (1, "S4WAITS at 0000:01:00.0 does not wait any more\n")
    assert machine.left_alone()


def test_one_that_a_guest_has_is_left_alone(machine: Machine):
    group = machine.root / "dev/vfio/17"
    group.unlink()
    group.mkdir()  # cannot be opened for writing, as little as a group that is open
    done = machine.run()
    assert (done.returncode, done.stderr) == (1, "0000:01:00.0 is in use through vfio\n")
    assert machine.left_alone()


def test_one_that_the_host_has_meanwhile_is_neither_marked_nor_erased(machine: Machine):
    machine.bound_to("nvme")
    machine.command("wipefs", "exit 1")
    done = machine.run()
    assert (done.returncode, done.stderr) == (1, f"{machine.root}/dev/nvme4n1 is in use\n")
    assert machine.left_alone()


def test_another_ssd_that_is_on_nvme_is_not_marked(machine: Machine):
    machine.bound_to("nvme")
    machine.serial("S4OTHER")
    done = machine.run()
    assert (done.returncode, done.stderr) == (1, "at 0000:01:00.0 is S4OTHER, not S4WAITS\n")
    assert machine.left_alone()


def test_one_that_was_taken_before_is_erased_after_a_look_at_who_uses_it(machine: Machine):
    machine.bound_to("nvme")
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert f"your-cleaner {machine.root}/dev/nvme4n1" in machine.called.read_text()
    assert not (machine.device / "driver/unbind").exists()


def test_a_disk_with_several_paths_is_erased_once_by_its_own_name(machine: Machine):
    (machine.device / "nvme/nvme4/nvme4n1").rename(machine.device / "nvme/nvme4/nvme2c4n1")
    (machine.device / "nvme/nvme4/nvme2c5n1").mkdir()
    assert machine.run().returncode == 0
    erased = [line for line in machine.called.read_text().splitlines() if line.startswith("your-cleaner")]
    assert erased == [f"your-cleaner {machine.root}/dev/nvme2n1"]


def test_a_second_run_does_nothing_while_the_first_goes_on(machine: Machine):
    machine.command("your-cleaner", f"bash {SCRIPT} || echo second $? >>{machine.called}")
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "it runs already\n")
    assert machine.called.read_text().splitlines()[0] == "second 1"
