"""``status check``: whether the host keeps its hands off what guests wrote."""

import tempfile
from pathlib import Path

import pytest

from nova_accel.commands.checks import tenants_data
from tests.unit.commands.broken import FAILURE, WARNING, Broken
from tests.unit.commands.checked_host import CheckedHost
from tests.unit.commands.conftest import as_nobody


def by_package(host: CheckedHost, folder: str = "usr/lib") -> Path:
    path = host.root / folder / "udev/rules.d" / host.rules.name
    path.parent.mkdir(parents=True)
    return path


BROKEN = (
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
        "udev rule",
        "of another version, over that of a package",
        lambda host: (host.rules.rename(by_package(host)), host.rules.write_text("# nothing is said here\n")),
        FAILURE,
        "/etc/udev/rules.d/59-nova-accel.rules is not the one of this nova_accel",
        "udevadm control --reload",
    ),
    Broken(
        "udev rule",
        "of another version, by a package",
        lambda host: host.rules.rename(by_package(host)).write_text("# nothing is said here\n"),
        FAILURE,
        "/usr/lib/udev/rules.d/59-nova-accel.rules is not the one of this nova_accel",
        "59-nova-accel.rules to /etc/udev/rules.d, then",
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
)


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_what_is_broken_is_found_alone_with_what_to_do(is_found_alone, broken: Broken):
    is_found_alone(broken)


@pytest.mark.parametrize("folder", ["run", "usr/local/lib", "usr/lib"])
def test_a_rule_is_found_wherever_udev_looks(run, host: CheckedHost, folder: str):
    host.rules.rename(by_package(host, folder))
    checked = run("status", "check", "-f", "json", facts=host.facts)
    [found] = [row["found"] for row in checked.json if row["check"] == "udev rule"]
    assert (checked.status, found) == (0, f"/{folder}/udev/rules.d/59-nova-accel.rules is in place")


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
