"""L1 itself: made from a scenario, booted, stopped."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import socket
import subprocess
import sys

from lab import folders, initramfs, kernel, monitor, packages, qemu
from lab.processes import Process, environment
from lab.scenario import Scenario, Ssd
from lab.ssh import Channel
from lab.steps import wait_for

# What L1 needs beyond what the machine has installed: unpacked for it, never installed.
L1_PACKAGES = (
    "udev",
    "kmod",
    "iproute2",
    "openssh-server",
    "sudo",
    "libvirt-daemon",
    "libvirt-daemon-driver-qemu",
    "libvirt-daemon-system",  # its AppArmor profiles
    "libvirt-clients",
    "gettext-base",  # for libvirt-guests
    "apparmor",
    "qemu-system-x86",
    "qemu-utils",
    "nvme-cli",
    "pciutils",
    "ndctl",
    "daxctl",
    "pmdk-tools",
    "bcache-tools",
    "cryptsetup-bin",
    "lvm2",
    "mdadm",
    "e2fsprogs",
    "fdisk",
    "util-linux",
    "procps",
)
QEMU = "qemu-system-x86_64"
STATE_MIB = 2048


@dataclasses.dataclass(frozen=True)
class Parts:
    """What L1 is booted from; in the cache, made once."""

    tree: pathlib.Path
    linux: kernel.Kernel
    initramfs: bytes


def parts(cache: pathlib.Path) -> Parts:
    """Download and unpack what is not there yet."""
    linux = kernel.unpacked(kernel.FULL, cache)
    return Parts(
        tree=packages.unpacked(L1_PACKAGES, cache),
        linux=linux,
        initramfs=initramfs.build("l1-init", linux, initramfs.L1_MODULES, cache),
    )


class Machine:
    """One emulated compute host."""

    def __init__(self, scenario: Scenario, made_of: Parts, run: folders.RunFolder) -> None:
        self.scenario = scenario
        self.run_folder = run
        self._environ = environment(run)
        self.channel = Channel(run.etc, free_port(), self._environ)
        self._monitor = run.path / "qmp"
        self._process: Process | None = None
        (run.images / "l1-initramfs").write_bytes(made_of.initramfs)
        self._around = self._surroundings(made_of)

    def _surroundings(self, made_of: Parts) -> qemu.Surroundings:
        run = self.run_folder
        return qemu.Surroundings(
            kernel=made_of.linux.image,
            initramfs=run.images / "l1-initramfs",
            packages=made_of.tree,
            kernel_tree=made_of.linux.tree,
            run=run.path,
            share=run.share,
            scripts=initramfs.SCRIPTS,
            images=run.images,
            console=run.logs / "l1-console.log",
            monitor=self._monitor,
            ssh_port=self.channel.port,
            kvm=kvm_works(),
            enter=(folders.CHECKOUT, run.path, pathlib.Path(sys.prefix), pathlib.Path(sys.base_prefix)),
        )

    def make_images(self) -> None:
        """Make the devices' images, all zero, and the state disk."""
        for ssd in self.scenario.ssds:
            _sparse(qemu.image(self.run_folder.images, ssd), ssd.size_bytes)
        for dimm in self.scenario.nvdimms:
            _sparse(qemu.image(self.run_folder.images, dimm), (dimm.region_mib + dimm.LABEL_MIB) << 20)
        state = self.run_folder.images / "state.img"
        _sparse(state, STATE_MIB << 20)
        mkfs = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin") or "mkfs.ext4"
        subprocess.run([mkfs, "-q", "-F", str(state)], check=True)

    def start(self) -> None:
        """Start QEMU; L1 then boots by itself."""
        arguments = qemu.arguments(self.scenario, self._around)
        self._process = Process("l1-qemu", [QEMU, *arguments], self.run_folder.logs / "l1-qemu.log", self._environ)

    def wait_until_up(self) -> None:
        """Wait until L1 takes commands."""
        wait_for(self.channel.answers, alive=self.check)

    def check(self) -> None:
        """Raise ProcessEnded when QEMU is not there any more."""
        if self._process is not None:
            self._process.check()

    def stop(self) -> None:
        """Take L1's power away."""
        if self._process is not None:
            self.channel.close()
            self._process.stop()
            self._process = None

    def reboot(self, *moved: Ssd) -> None:
        """Power off and on; the state disk and the devices' content stay.

        :param moved: SSDs of the scenario that were put to another place meanwhile
        """
        self.channel.try_run("sync")
        self.stop()
        places = {ssd.name: ssd for ssd in moved}
        ssds = tuple(places.get(ssd.name, ssd) for ssd in self.scenario.ssds)
        self.scenario = dataclasses.replace(self.scenario, ssds=ssds)
        self.start()

    def ask(self, command: str, **arguments: object) -> object:
        """A command to QEMU's monitor, as for hot plug and unplug."""
        return monitor.ask(self._monitor, command, **arguments)

    def unplug(self, ssd_name: str) -> None:
        """Ask for an SSD's removal, as a button at its slot would; L1 then lets go of it."""
        self.ask("device_del", id=ssd_name)

    def plug(self, ssd_name: str) -> None:
        """Put an SSD that was unplugged back into its slot."""
        self.put(self.scenario.ssd(ssd_name), f"port-{ssd_name}")

    def put(self, ssd: Ssd, port: str) -> None:
        """Put any SSD into a root port that is empty; one the scenario does not know gets an image of its own."""
        image = qemu.image(self.run_folder.images, ssd)
        if not image.exists():
            _sparse(image, ssd.size_bytes)
        self.hmp(f"drive_add 0 file={image},if=none,id=drive-{ssd.name},format=raw")
        said = self.hmp(f"device_add {qemu.nvme(ssd, port)}")
        assert not said.strip(), said

    def hmp(self, line: str) -> str:
        """A command in the words of QEMU's human monitor, and what it says."""
        return str(self.ask("human-monitor-command", **{"command-line": line}))

    def show_processors(self) -> None:
        """Write QEMU's view of L1's processors to a log: it tells what a hung L1 does."""
        text = "\n".join(self.hmp(line) for line in ("info status", "info cpus", "info registers -a", "info lapic"))
        (self.run_folder.logs / "l1-processors.log").write_text(text)

    def backing_image(self, name: str) -> pathlib.Path:
        """The host's file that holds an SSD's or an NVDIMM's content."""
        devices = (*self.scenario.ssds, *self.scenario.nvdimms)
        return qemu.image(self.run_folder.images, next(device for device in devices if device.name == name))


def free_port() -> int:
    """A TCP port on the loopback that nobody listens on now."""
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        port: int = taker.getsockname()[1]
        return port


def kvm_works() -> bool:
    """Whether this machine can run L1 with KVM and L1 its guests too."""
    flags = pathlib.Path("/proc/cpuinfo").read_text(errors="replace")
    if not any(f" {flag} " in flags for flag in ("vmx", "svm")):
        return False
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError:
        return False
    return True


def _sparse(path: pathlib.Path, size: int) -> None:
    with path.open("wb") as image:
        image.truncate(size)
