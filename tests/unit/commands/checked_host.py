"""A host on which every check is content; a test then breaks one thing of it."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from nova_accel.commands.checks.facts import Facts, Hypervisor, Unknown
from nova_accel.commands.configuration import Configured
from nova_accel.exception import PrivilegedCallError
from tests.fakes.host import FakeHost, FakeSsd

SHIPPED = Path(__file__).parents[3] / "etc/nova_accel"
HELPER = "sudo /opt/nova/bin/privsep-helper --config-file /etc/nova/nova.conf"
MOUNTS = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
DRIVERS = ("pci/drivers/vfio-pci", "nd/drivers/nd_pmem", "nd/drivers/dax_pmem", "dax/drivers/device_dax")
PRINTED = {
    "lspci": "lspci version 3.9.0\n",
    "nvme": "nvme version 2.3 (git 2.3)\nlibnvme version 1.3 (git 1.3)\n",
    "blkdiscard": "blkdiscard from util-linux 2.38.1\n",
    "wipefs": "wipefs from util-linux 2.38.1\n",
    "ndctl": "76.1\n",
    "daxio": "daxio version 1.12.1\n",
    # as LVM 2.03.16 prints it
    "lvmconfig": 'use_devicesfile=1\ndevicesfile="system.devices"\nglobal_filter=["a|.*|"]\n',
    "sudo": "Sudo version 1.9.13p3\nSudoers policy plugin version 1.9.13p3\n",
}


class AskedHost(FakeHost):
    """A host whose root's side can be out of reach, one context at a time."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, [FakeSsd("0000:01:00.0", "S4EVFREE")])
        self.unreachable: dict[str, PrivilegedCallError] = {}

    def lspci(self) -> str:
        if "lspci" in self.unreachable:
            raise self.unreachable["lspci"]
        return super().lspci()

    def who_uses(self, addresses: Sequence[str]) -> dict[str, str]:
        if "who_uses" in self.unreachable:
            raise self.unreachable["who_uses"]
        return {address: f"there is no PCI device {address}" for address in addresses if address not in self.ssds}


class CheckedHost:
    """Files, tools and configuration of one host."""

    def __init__(self, root: Path, nova_conf: Path, ledger_path: Path) -> None:
        self.root = root
        self.nova_conf = nova_conf
        self.ledger_path = ledger_path
        self.record_path = nova_conf.parent / "records/cleaning.jsonl"
        self.prefix = root / "opt/nova"
        self.host = AskedHost(root)
        self.printed = dict(PRINTED)
        self.installed = set(PRINTED)
        self.asked_sudo: set[tuple[str, ...]] = set()
        self.hypervisor: Hypervisor | Unknown = Hypervisor((9, 0, 0), (7, 2, 0))
        self.user_id = ledger_path.stat().st_uid
        self.free_bytes = 10 * 1024**3
        for driver in DRIVERS:
            (root / "sys/bus" / driver).mkdir(parents=True)
        (root / "proc/self/mountinfo").write_text(MOUNTS)
        for name, content in (("vendor", "0x1b36"), ("device", "0x0010")):
            (root / "sys/bus/pci/devices/0000:01:00.0" / name).write_text(f"{content}\n")
        self.rules = root / "etc/udev/rules.d/59-nova-accel.rules"
        self.devices_file = root / "etc/lvm/devices/system.devices"
        for file in (self.rules, self.devices_file):
            file.parent.mkdir(parents=True)
        shutil.copy(SHIPPED / self.rules.name, self.rules)
        self.devices_file.touch()
        contexts = "".join(f"[nova_accel_{name}]\nhelper_command = {HELPER}\n" for name in ("reading", "acting"))
        self.configure("[nova_accel]\n", f"{contexts}[nova_accel]\n")

    def configure(self, old: str, new: str) -> None:
        """Replace something in nova.conf."""
        text = self.nova_conf.read_text()
        assert old in text
        self.nova_conf.write_text(text.replace(old, new))

    def use_rootwrap(self) -> Path:
        """Let rootwrap start the daemons, and give the folder of its filters."""
        folder = self.root / "etc/nova/rootwrap.d"
        folder.mkdir(parents=True)
        config = self.root / "etc/nova/rootwrap.conf"
        config.write_text(f"[DEFAULT]\nfilters_path = {folder},/usr/share/nova/rootwrap\nuse_syslog = False\n")
        shutil.copy(SHIPPED / "rootwrap.filters", folder / "nova_accel.filters")
        self.configure(f"helper_command = {HELPER}\n", "")
        self.configure("[DEFAULT]\n", f"[DEFAULT]\nrootwrap_config = {config}\n")
        return folder

    def output(self, argv: Sequence[str]) -> str:
        if tuple(argv[:3]) == ("sudo", "-n", "-l"):
            self.asked_sudo.add(tuple(argv))
            if "sudo -l" in self.printed:
                raise Unknown(self.printed["sudo -l"])
        tool = Path(argv[0]).name
        if tool not in self.printed:
            raise Unknown(f"{tool} ended with status 5")
        return self.printed[tool]

    def ask_libvirt(self) -> Hypervisor:
        if isinstance(self.hypervisor, Unknown):
            raise self.hypervisor
        return self.hypervisor

    def facts(self, configured: Configured) -> Facts:
        return Facts(
            configured=configured,
            host=self.host,
            root=self.root,
            prefix=self.prefix,
            shipped=SHIPPED,
            user_id=self.user_id,
            which=lambda tool: f"/usr/bin/{tool}" if tool in self.installed else None,
            output=self.output,
            hypervisor=self.ask_libvirt,
            free_bytes=lambda path: self.free_bytes if path.exists() else 0,
        )
