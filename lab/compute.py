"""nova-compute in L1: a process of its own, as user nova, that can be killed alone."""

from __future__ import annotations

import pathlib
import shlex
import sys
from collections.abc import Mapping

from lab import folders, initramfs, trap
from lab.control import settings
from lab.machine import Machine
from lab.scenario import Use

STOCK_DRIVER = "libvirt.LibvirtDriver"
SITE = "/etc/nova"


class Compute:
    """Starts and stops nova-compute, and keeps its pid."""

    def __init__(self, machine: Machine, configuration: settings.Settings) -> None:
        self._machine = machine
        self._settings = configuration
        self.pid = 0

    def prepare_host(self, first_time: bool = True) -> None:
        """Make the freshly booted L1 a compute host; its own use of SSDs is set up the first time only."""
        script = initramfs.SCRIPTS / "l1-prepare"
        self._machine.channel.run(["sh", str(script), sys.prefix, str(folders.CHECKOUT)], limit_s=180)
        if not first_time:
            return
        for ssd in self._machine.scenario.ssds:
            if ssd.use is not Use.NOTHING:
                self._machine.channel.run(["sh", str(initramfs.SCRIPTS / "l1-use"), ssd.serial, ssd.use.value])
        wishes = [
            f"{dimm.region_mib << 20}:{space.size_mib << 20}:{space.shape.value}:{space.label_name}"
            for dimm in self._machine.scenario.nvdimms
            for space in dimm.namespaces
        ]
        if self._machine.scenario.nvdimms:
            self._machine.channel.run(["sh", str(initramfs.SCRIPTS / "l1-namespaces"), *wishes], limit_s=300)

    def configure(self, driver: str, more: Mapping[str, settings.Section]) -> None:
        """Write L1's nova.conf."""
        text = settings.text(self._settings.compute(driver, more))
        self._machine.channel.run(f"mkdir -p {SITE} && cat > {SITE}/nova.conf", given=text)
        self._keep(text)

    def start(self) -> None:
        """Start nova-compute as the user nova; it lives on without the channel."""
        program = [
            f"{sys.prefix}/bin/python",
            str(initramfs.SCRIPTS / "nova_compute.py"),
            "--config-file",
            f"{SITE}/nova.conf",
        ]
        path = f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        user = [
            "setpriv",
            "--reuid=nova",
            "--regid=nova",
            "--init-groups",
            "env",
            "-i",
            f"PATH={path}",
            "HOME=/var/lib/nova",
            "LANG=C.UTF-8",
            "PYTHONPATH=",
        ]
        command = f"cd /; setsid {shlex.join([*user, *program])} < /dev/null >> {self.log} 2>&1 & echo $!"
        self.pid = int(self._machine.channel.run(command))

    @property
    def log(self) -> pathlib.Path:
        """nova-compute's log: the same path in L1 and on the host."""
        return self._machine.run_folder.share / "nova-compute.log"

    def running(self) -> bool:
        """Whether the process is there."""
        return self._machine.channel.try_run(f"kill -0 {self.pid}").status == 0

    def kill(self) -> None:
        """SIGKILL, to it alone."""
        self._machine.channel.run(f"kill -KILL {self.pid}; while kill -0 {self.pid} 2> /dev/null; do sleep 0.1; done")

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self._machine.channel.run(f"kill -TERM {self.pid}; while kill -0 {self.pid} 2> /dev/null; do sleep 0.2; done")

    def have_traps(self) -> None:
        """Give each life that starts from now on, until L1 reboots, the traps of :mod:`lab.trap`."""
        self._machine.channel.run(["install", "-d", "-o", "nova", str(trap.FILE.parent)])

    def arm(self, where: str) -> None:
        """Have it die there, once: ``before erase``."""
        self._machine.channel.run(f"cat > {trap.FILE}.new && mv {trap.FILE}.new {trap.FILE}", given=where)

    def disarm(self) -> None:
        """Let it live, and whoever comes after it; those have no traps."""
        self._machine.channel.run(["rm", "-rf", str(trap.FILE.parent)])

    def show_stacks(self) -> None:
        """Have it write the stacks of all threads into its log."""
        self._machine.channel.try_run(f"kill -USR1 {self.pid}; sleep 1; kill -USR2 {self.pid}; sleep 5", limit_s=30)

    def _keep(self, text: str) -> None:
        (self._machine.run_folder.etc / "nova-compute.conf").write_text(text)
