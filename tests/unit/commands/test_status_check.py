"""``status check``: each check has a host on which only this one is not content, and says there what to do."""

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from nova_accel.commands.checks import tenants_data
from nova_accel.commands.checks.all_checks import CHECKS
from nova_accel.commands.checks.facts import Hypervisor, Unknown
from nova_accel.commands.checks.result import Check, Level
from nova_accel.exception import PrivilegedCallError
from nova_accel.ledger.store import Ledger
from nova_accel.privsep.errors import Failed
from tests.unit.commands.checked_host import SHIPPED, CheckedHost
from tests.unit.commands.conftest import as_nobody, sighting

WARNING, FAILURE = 1, 2


@pytest.fixture
def host(tmp_path: Path, nova_conf: Path, ledger_path: Path) -> CheckedHost:
    ledger = Ledger(str(ledger_path))
    ledger.sightings.replace(
        [
            sighting("0000:01:00.0", "S4EVFREE"),
            sighting("namespace0.0", "uuid-0", driver="intel_pmem_driver", resource_class="CUSTOM_PMEM_NAMESPACE_6GB"),
        ]
    )
    return CheckedHost(tmp_path / "host", nova_conf, ledger_path)


@dataclass(frozen=True)
class Broken:
    """What is broken, and what the check says then."""

    check: str
    how: str
    by: Callable[[CheckedHost], object]
    status: int
    found: str
    advice: str

    def __str__(self) -> str:
        return f"{self.check}: {self.how}"


def unreachable(call: str) -> Callable[[CheckedHost], object]:
    error = PrivilegedCallError(call, "the privsep daemon cannot be used (it did not start)")
    return lambda host: host.host.unreachable.update({call: error})


def see(host: CheckedHost, address: str, reason: str, sentence: str) -> None:
    Ledger(str(host.ledger_path)).sightings.replace([sighting(address, "S4EVFREE", reason, sentence)])


def sudo_refuses(host: CheckedHost) -> None:
    host.printed["sudo -l"] = "sudo -n -l ended with status 1: sudo: a password is required"


def sudo_refuses_rootwrap(host: CheckedHost) -> None:
    host.use_rootwrap()
    sudo_refuses(host)


def rootwrap_without_filters(host: CheckedHost) -> None:
    (host.use_rootwrap() / "nova_accel.filters").unlink()


def rootwrap_gone(host: CheckedHost) -> None:
    folder = host.use_rootwrap()
    (folder.parent / "rootwrap.conf").unlink()


def rootwrap_garbled(host: CheckedHost) -> None:
    folder = host.use_rootwrap()
    (folder.parent / "rootwrap.conf").write_text("filters_path = /etc\n")


def damage(host: CheckedHost) -> None:
    """Overwrite the pages behind the first one, whose header stays good."""
    with sqlite3.connect(host.ledger_path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = host.ledger_path.read_bytes()
    host.ledger_path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))


def older(host: CheckedHost) -> None:
    with sqlite3.connect(host.ledger_path) as connection:
        connection.execute("PRAGMA user_version = 1")


def ledger_on(kind: str) -> Callable[[CheckedHost], object]:
    def mount(host: CheckedHost) -> None:
        with (host.root / "proc/self/mountinfo").open("a") as mounts:
            mounts.write(f"40 21 0:50 / {host.ledger_path.parent} rw - {kind} something rw\n")

    return mount


BROKEN = (
    Broken(
        "compute driver",
        "another",
        lambda host: host.configure("accel.AccelLibvirtDriver", "libvirt.LibvirtDriver"),
        FAILURE,
        "compute_driver is libvirt.LibvirtDriver",
        "Set compute_driver = accel.AccelLibvirtDriver in [DEFAULT]",
    ),
    Broken(
        "options",
        "unknown driver",
        lambda host: host.configure("= nvme_ssd_driver", "= nvme_ssd_driver,nvme_sdd_driver"),
        FAILURE,
        "'nvme_sdd_driver' is not among",
        "nova-compute does not start with it",
    ),
    Broken(
        "options",
        "no driver",
        lambda host: host.configure(
            "enabled_drivers = nvme_ssd_driver,intel_pmem_driver\nnvme_ssd_filter = vendor_id:1b36\npmem_namespaces = 6GB:ns0|ns1\n",
            "",
        ),
        WARNING,
        "nothing is offered",
        "Set enabled_drivers",
    ),
    Broken(
        "options without effect",
        "namespaces without their driver",
        lambda host: host.configure("nvme_ssd_driver,intel_pmem_driver", "nvme_ssd_driver"),
        WARNING,
        "pmem_namespaces has no effect without intel_pmem_driver in enabled_drivers",
        "Enable the driver, correct the name or take the option out",
    ),
    Broken(
        "options without effect",
        "a filter without its driver",
        lambda host: host.configure("nvme_ssd_driver,intel_pmem_driver", "inspur_nvme_ssd_driver,intel_pmem_driver"),
        WARNING,
        "nvme_ssd_filter has no effect without nvme_ssd_driver in enabled_drivers",
        "Enable the driver, correct the name or take the option out",
    ),
    Broken(
        "options",
        "a driver without its option",
        lambda host: host.configure("nvme_ssd_filter = vendor_id:1b36\n", ""),
        FAILURE,
        "[nova_accel] nvme_ssd_filter",
        "nova-compute does not start with it",
    ),
    Broken(
        "options without effect",
        "a name that is mistyped",
        lambda host: host.configure("[nova_accel]\n", "[nova_accel]\ndiscovery_intervall = 5\n"),
        WARNING,
        "[nova_accel] has no option discovery_intervall",
        "take the option out",
    ),
    Broken(
        "double owners",
        "an SSD by its ids",
        lambda host: host.configure(
            "[nova_accel]\n", '[pci]\ndevice_spec = {"vendor_id": "1b36", "product_id": "0010"}\n[nova_accel]\n'
        ),
        FAILURE,
        "[pci] device_spec names 0000:01:00.0 too",
        "Take each out of [pci] device_spec",
    ),
    Broken(
        "double owners",
        "an SSD in a list of addresses",
        lambda host: host.configure(
            "[nova_accel]\n",
            '[pci]\ndevice_spec = [{"address": "0000:07:00.0"}, {"address": "*:01:00.*"}]\n[nova_accel]\n',
        ),
        FAILURE,
        "[pci] device_spec names 0000:01:00.0 too",
        "Take each out of [pci] device_spec",
    ),
    Broken(
        "double owners",
        "an SSD by regular expressions",
        lambda host: host.configure(
            "[nova_accel]\n", '[pci]\ndevice_spec = {"address": {"bus": "0[1-3]", "function": "0"}}\n[nova_accel]\n'
        ),
        FAILURE,
        "[pci] device_spec names 0000:01:00.0 too",
        "Take each out of [pci] device_spec",
    ),
    Broken(
        "double owners",
        "a namespace",
        lambda host: host.configure(
            "[nova_accel]\n", "[libvirt]\npmem_namespaces = BIG:ns9|ns1,SMALL:ns8\n[nova_accel]\n"
        ),
        FAILURE,
        "[libvirt] pmem_namespaces names ns1 too",
        "[libvirt] pmem_namespaces, or out of [nova_accel]",
    ),
    Broken(
        "double owners",
        "as nova-compute found it",
        lambda host: see(host, "0000:01:00.0", "double owner", "[pci] device_spec names it too"),
        FAILURE,
        "0000:01:00.0: [pci] device_spec names it too",
        "Take each out",
    ),
    Broken(
        "IOMMU",
        "off",
        lambda host: shutil.rmtree(host.root / "sys/kernel/iommu_groups"),
        FAILURE,
        "the kernel has no IOMMU groups",
        "intel_iommu=on",
    ),
    Broken(
        "vfio module",
        "not loaded",
        lambda host: (host.root / "sys/bus/pci/drivers/vfio-pci").rmdir(),
        FAILURE,
        "vfio-pci is not loaded",
        "modprobe vfio-pci, and copy modules-load.conf",
    ),
    Broken(
        "PMEM modules",
        "one not loaded",
        lambda host: (host.root / "sys/bus/dax/drivers/device_dax").rmdir(),
        FAILURE,
        "not loaded: device_dax",
        "modprobe -a device_dax",
    ),
    *(
        Broken(
            "tools",
            f"no {tool}",
            lambda host, tool=tool: host.installed.remove(tool),
            FAILURE,
            f"not found in root's path: {tool}",
            f"Install the packages {package}.",
        )
        for tool, package in (
            ("lspci", "pciutils"),
            ("nvme", "nvme-cli"),
            ("blkdiscard", "util-linux"),
            ("wipefs", "util-linux"),
            ("ndctl", "ndctl"),
            ("daxio", "pmdk-tools"),
        )
    ),
    Broken(
        "libvirt",
        "too old",
        lambda host: setattr(host, "hypervisor", Hypervisor((7, 10, 0), (7, 2, 0))),
        FAILURE,
        "libvirt is 7.10.0",
        "Nova demands libvirt 8.0.0 or newer",
    ),
    Broken(
        "libvirt",
        "no answer",
        lambda host: setattr(host, "hypervisor", Unknown("libvirt at qemu:///system does not answer: no socket")),
        FAILURE,
        "libvirt at qemu:///system does not answer",
        "Start libvirtd",
    ),
    Broken(
        "QEMU",
        "too old",
        lambda host: setattr(host, "hypervisor", Hypervisor((8, 0, 0), (6, 1, 9))),
        FAILURE,
        "QEMU is 6.1.9",
        "Nova demands QEMU 6.2.0 or newer",
    ),
    Broken(
        "user",
        "another one",
        lambda host: setattr(host, "user_id", host.user_id + 1),
        WARNING,
        "but the ledger is of user",
        "Run it as nova-compute's user",
    ),
    Broken(
        "sudo or rootwrap",
        "sudo refuses",
        sudo_refuses,
        FAILURE,
        "sudo does not let this user run /opt/nova/bin/privsep-helper --config-file /etc/nova/nova.conf for nova_accel.privsep.",
        "copy it to /etc/sudoers.d/nova_accel with mode 0440; it needs sudo 1.9.10 or newer, and this is 1.9.13p3.",
    ),
    Broken(
        "sudo or rootwrap",
        "sudo refuses rootwrap",
        sudo_refuses_rootwrap,
        FAILURE,
        "sudo does not let this user run nova-rootwrap",
        "Let this user run nova-rootwrap as root without a password",
    ),
    Broken(
        "sudo or rootwrap",
        "no filter",
        rootwrap_without_filters,
        WARNING,
        "no filter of nova-rootwrap names nova_accel.privsep.",
        "Copy rootwrap.filters to /etc/nova/rootwrap.d/nova_accel.filters",
    ),
    Broken(
        "sudo or rootwrap", "no rootwrap", rootwrap_gone, FAILURE, "rootwrap.conf is not there", "or set helper_command"
    ),
    Broken("sudo or rootwrap", "garbled", rootwrap_garbled, FAILURE, "rootwrap.conf cannot be read", "Correct it."),
    Broken(
        "privsep, reading",
        "no daemon",
        unreachable("lspci"),
        FAILURE,
        "lspci: the privsep daemon cannot be used",
        "correct helper_command in [nova_accel_reading] or the sudoers or rootwrap file",
    ),
    Broken(
        "privsep, acting",
        "no daemon",
        unreachable("who_uses"),
        FAILURE,
        "who_uses: the privsep daemon cannot be used",
        "correct helper_command in [nova_accel_acting] or the sudoers or rootwrap file",
    ),
    Broken(
        "udev rule", "missing", lambda host: host.rules.unlink(), FAILURE, "is not there", "udevadm control --reload"
    ),
    Broken(
        "udev rule",
        "of another version",
        lambda host: host.rules.write_text(host.rules.read_text().replace('SYSTEMD_READY}="0"', 'SYSTEMD_READY}="1"')),
        FAILURE,
        "is not the one of this nova_accel",
        "udevadm control --reload",
    ),
    Broken(
        "LVM",
        "looks everywhere",
        lambda host: host.printed.update(
            lvmconfig='use_devicesfile=0\ndevicesfile="system.devices"\nglobal_filter=["a|.*|"]\n'
        ),
        WARNING,
        "LVM looks at every disk",
        "devices/use_devicesfile = 1",
    ),
    Broken(
        "LVM",
        "no settings",
        lambda host: host.printed.pop("lvmconfig"),
        WARNING,
        "LVM looks at every disk",
        "devices/use_devicesfile = 1",
    ),
    Broken(
        "LVM",
        "no devices file",
        lambda host: host.devices_file.unlink(),
        WARNING,
        "LVM looks at every disk",
        "lvmdevices --adddev",
    ),
    Broken("ledger", "older", older, FAILURE, "it has schema 1, of an older nova_accel", "start nova-compute"),
    Broken("ledger", "damaged", damage, FAILURE, "is damaged", "bring the file back from a backup"),
    Broken(
        "ledger", "in memory", ledger_on("tmpfs"), FAILURE, "lies on tmpfs, which does not outlive", "set ledger_path"
    ),
    Broken(
        "ledger", "remote", ledger_on("nfs4"), FAILURE, "lies on nfs4, which is not this host's own", "to a local disk"
    ),
)


def test_a_host_on_which_all_is_well_passes(run, host: CheckedHost):
    checked = run("status", "check", "-f", "json", facts=host.facts)
    assert [row for row in checked.json if row["result"] != "ok"] == []
    assert checked.status == 0
    assert [row["check"] for row in checked.json] == [check.name for check in CHECKS]


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_what_is_broken_is_found_alone_with_what_to_do(run, host: CheckedHost, broken: Broken):
    broken.by(host)
    checked = run("status", "check", "-f", "json", facts=host.facts)
    assert [row["check"] for row in checked.json if row["result"] != "ok"] == [broken.check]
    [row] = [row for row in checked.json if row["check"] == broken.check]
    assert row["result"] == {WARNING: "warning", FAILURE: "failure"}[broken.status]
    assert broken.found in row["found"]
    assert broken.advice in row["what to do"]
    assert checked.status == broken.status


def test_every_check_has_a_host_that_fails_only_it():
    assert {broken.check for broken in BROKEN} == {check.name for check in CHECKS}


def test_the_worst_result_is_the_exit_status(run, host: CheckedHost):
    host.devices_file.unlink()
    host.rules.unlink()
    assert run("status", "check", facts=host.facts).status == FAILURE


def test_the_table_shows_each_check_and_what_to_do(run, host: CheckedHost):
    host.rules.unlink()
    table = run("status", "check", facts=host.facts).out
    assert all(check.name in table for check in CHECKS)
    assert "udevadm control --reload" in table


def test_what_cannot_be_looked_at_is_a_failure(run, host: CheckedHost):
    host.rules.unlink()
    host.rules.mkdir()
    checked = run("status", "check", "-f", "json", facts=host.facts)
    [row] = [row for row in checked.json if row["result"] != "ok"]
    assert "could not be looked at" in row["found"]
    assert row["what to do"] == "Make it possible to look at /etc/udev/rules.d."
    assert checked.status == FAILURE


def test_what_the_system_refuses_costs_its_check_only(host: CheckedHost):
    def refuse(facts):
        raise PermissionError(13, "Permission denied", "/etc/somewhere")

    result = Check("a check", "/etc/somewhere", refuse).run(host.facts)
    assert result.level is Level.FAILURE
    assert "Permission denied" in result.found


def test_a_tool_that_fails_on_roots_side_shows_that_root_is_reached(run, host: CheckedHost):
    error = PrivilegedCallError("lspci", "lspci cannot be started: No such file or directory")
    error.__cause__ = Failed("lspci cannot be started: No such file or directory")
    host.host.unreachable["lspci"] = error
    assert run("status", "check", facts=host.facts).status == 0


def test_a_daemon_that_sudo_would_ask_a_password_for_is_not_started(run, host: CheckedHost):
    sudo_refuses(host)
    checked = run("status", "check", "-f", "json", facts=host.facts)
    found = {row["check"]: row["found"] for row in checked.json}
    assert found["privsep, reading"] == found["privsep, acting"] == "not tried: sudo would ask for a password"
    assert host.host.calls == []


def test_what_sudo_is_asked_for_is_what_our_snippet_allows(run, host: CheckedHost):
    run("status", "check", facts=host.facts)
    allowed = re.search(r"privsep-helper (\^.*\$)$", (SHIPPED / "sudoers").read_text(), re.MULTILINE)[1]
    for context in ("reading", "acting"):
        [asked] = {words for words in host.asked_sudo if f"nova_accel.privsep.{context}_pctxt" in words}
        assert asked[:4] == ("sudo", "-n", "-l", "/opt/nova/bin/privsep-helper")
        assert re.fullmatch(allowed, " ".join(asked[4:]))


def test_rootwrap_with_our_filters_is_as_good_as_sudo(run, host: CheckedHost):
    host.use_rootwrap()
    assert run("status", "check", facts=host.facts).status == 0


def test_a_helper_that_is_neither_is_left_to_the_checks_of_privsep(run, host: CheckedHost):
    host.configure("helper_command = sudo ", "helper_command = ")
    assert run("status", "check", facts=host.facts).status == 0


def test_a_filter_that_keeps_lvm_to_the_hosts_own_disks_is_enough(run, host: CheckedHost):
    host.printed["lvmconfig"] = 'use_devicesfile=0\nglobal_filter=["a|^/dev/sda|","r|.*|"]\n'
    assert run("status", "check", facts=host.facts).status == 0


def test_a_devices_file_that_only_root_may_look_at_is_taken_to_be_there():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o000)
        with as_nobody():
            assert tenants_data.is_there(Path(folder, "system.devices"))
        Path(folder).chmod(0o700)
        assert not tenants_data.is_there(Path(folder, "system.devices"))


def test_a_host_without_lvm_needs_no_settings(run, host: CheckedHost):
    host.installed.remove("lvmconfig")
    assert run("status", "check", facts=host.facts).status == 0


def test_a_tool_that_does_not_tell_its_version_is_no_failure(run, host: CheckedHost):
    host.printed["daxio"] = "usage: daxio\n"
    del host.printed["ndctl"]
    checked = run("status", "check", "-f", "json", facts=host.facts)
    [row] = [row for row in checked.json if row["check"] == "tools"]
    assert row["found"] == (
        "lspci 3.9.0, nvme 2.3, blkdiscard 2.38.1, wipefs 2.38.1, ndctl of unknown version, daxio of unknown version"
    )


def test_a_host_for_pmem_alone_needs_nothing_for_ssds(run, host: CheckedHost):
    host.configure("nvme_ssd_driver,intel_pmem_driver\nnvme_ssd_filter = vendor_id:1b36", "intel_pmem_driver")
    host.installed -= {"lspci", "nvme", "wipefs", "blkdiscard"}
    host.rules.unlink()
    host.devices_file.unlink()
    shutil.rmtree(host.root / "sys/kernel/iommu_groups")
    shutil.rmtree(host.root / "sys/bus/pci/drivers")
    assert run("status", "check", facts=host.facts).status == 0


def test_a_host_for_ssds_alone_needs_nothing_for_pmem(run, host: CheckedHost):
    host.configure("nvme_ssd_driver,intel_pmem_driver", "nvme_ssd_driver")
    host.configure("pmem_namespaces = 6GB:ns0|ns1\n", "")
    host.installed -= {"ndctl", "daxio"}
    shutil.rmtree(host.root / "sys/bus/nd/drivers")
    assert run("status", "check", facts=host.facts).status == 0


def test_a_module_that_has_a_folder_of_its_own_is_loaded(run, host: CheckedHost):
    (host.root / "sys/bus/pci/drivers/vfio-pci").rmdir()
    (host.root / "sys/module/vfio_pci").mkdir(parents=True)
    assert run("status", "check", facts=host.facts).status == 0


@pytest.mark.parametrize(
    "spec",
    [
        '{"vendor_id": "8086"}',
        '{"vendor_id": "1b36", "product_id": "0011"}',
        '{"address": "0000:02:00.0"}',
        '{"address": "02:00.0"}',
        '{"address": {"bus": "02"}}',
        '{"address": {"bus": "("}}',
        '{"devname": "eth0"}',
        "not json",
        '"words"',
    ],
)
def test_a_device_spec_for_something_else_is_no_second_owner(run, host: CheckedHost, spec: str):
    host.configure("[nova_accel]\n", f"[pci]\ndevice_spec = {spec}\n[nova_accel]\n")
    assert run("status", "check", facts=host.facts).status == 0


def test_without_a_ledger_only_the_ledger_is_complained_about(run, host: CheckedHost):
    host.ledger_path.unlink()
    checked = run("status", "check", "-f", "json", facts=host.facts)
    assert [row["check"] for row in checked.json if row["result"] != "ok"] == ["ledger"]
    assert not host.ledger_path.exists()
