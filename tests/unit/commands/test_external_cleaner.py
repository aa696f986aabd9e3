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
        self.device = root / "sys/bus/pci/devices/0000:01:00.0"
        driver = root / "sys/bus/pci/drivers/vfio-pci"
        for folder in (driver, self.device / "nvme/nvme4/nvme4n1"):
            folder.mkdir(parents=True)
        (self.device / "driver").symlink_to(driver)
        self.serial("S4WAITS")

    def command(self, name: str, line: str) -> None:
        path = self.root / "bin" / name
        path.write_text(f"#!/bin/bash\n{line}\n")
        path.chmod(0o755)

    def serial(self, serial: str) -> None:
        (self.device / "nvme/nvme4/serial").write_text(f"{serial}          \n")

    def run(self) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "SYS": f"{self.root}/sys"}
        return subprocess.run(["bash", SCRIPT], env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_waits_is_erased_out_of_udevs_sight_and_said_to_be_clean(machine: Machine):
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "")
    called = machine.called.read_text().splitlines()
    assert called[0] == "your-cleaner /dev/nvme4n1"
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
