"""Whether the host keeps its hands off what guests wrote on their SSDs."""

import re
from pathlib import Path

from nova_accel.commands.checks.facts import Facts, Unknown
from nova_accel.commands.checks.result import Result, failure, ok, warning

RULES = "59-nova-accel.rules"
# Where udev looks, as udev(7) has it: of two files of one name only the first counts.
_RULES_FOLDERS = ("etc/udev/rules.d", "run/udev/rules.d", "usr/local/lib/udev/rules.d", "usr/lib/udev/rules.d")
_NO_SSDS = "no driver for SSDs is enabled"
_LVM_SETTINGS = ("use_devicesfile", "devicesfile", "global_filter")
_SETTING = re.compile(r"^(\w+)=(.*)$", re.MULTILINE | re.ASCII)
_PATTERN = re.compile(r'"([ar])(.)(.*?)\2"', re.ASCII)
# Stands for any SSD that the host does not use itself.
_AN_SSD = "/dev/nvme99n1"


def udev(facts: Facts) -> Result:
    """Our rule is in place, as shipped."""
    if not facts.uses_ssds:
        return ok(_NO_SSDS)
    shipped = _rules(facts.text(facts.shipped / RULES))
    advice = f"Copy {facts.shipped / RULES} to /{_RULES_FOLDERS[0]}, then udevadm control --reload."
    if shipped is None:
        raise Unknown(f"{facts.shipped / RULES} is not there")
    for folder in _RULES_FOLDERS:
        installed = _rules(facts.text(facts.root / folder / RULES))
        if installed is not None:
            place = f"/{folder}/{RULES}"
            same = installed == shipped
            return ok(f"{place} is in place") if same else failure(f"{place} is not the one of this nova_accel", advice)
    return failure(
        f"{RULES} is not there, neither in /{_RULES_FOLDERS[0]} nor where packages put rules, so what a guest wrote may be taken "
        "for the host's own",
        advice,
    )


def _rules(text: str | None) -> list[str] | None:
    """What udev makes of a file: no comments, no empty lines."""
    if text is None:
        return None
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def lvm(facts: Facts) -> Result:
    """LVM's own commands look only at the host's disks."""
    if not facts.uses_ssds:
        return ok(_NO_SSDS)
    if facts.which("lvmconfig") is None:
        return ok("LVM is not installed")
    settings = _lvm_settings(facts)
    devices_file = facts.etc / "lvm/devices" / settings.get("devicesfile", '"system.devices"').strip('"')
    if settings.get("use_devicesfile") == "1" and is_there(devices_file):
        return ok(f"LVM looks only at what /etc/lvm/devices/{devices_file.name} lists")
    if rejects(settings.get("global_filter", ""), _AN_SSD):
        return ok("global_filter keeps LVM away from other SSDs")
    return warning(
        "LVM looks at every disk, also at an SSD with a guest's volume group that is being cleaned",
        "In /etc/lvm/lvm.conf set devices/use_devicesfile = 1 and list the host's own disks with lvmdevices --adddev, "
        "or let devices/global_filter accept those only and end in r|.*|.",
    )


def is_there(devices_file: Path) -> bool:
    """Whether LVM's devices file is there, for all that this user may know."""
    try:
        devices_file.stat()
    except FileNotFoundError:
        return False
    except PermissionError:  # some distributions let only root look, and make it at installation
        return True
    return True


def _lvm_settings(facts: Facts) -> dict[str, str]:
    """LVM's settings with its defaults; empty without an lvm.conf, where lvmconfig fails and LVM looks everywhere."""
    try:
        text = facts.output(["lvmconfig", "--typeconfig", "full", *(f"devices/{name}" for name in _LVM_SETTINGS)])
    except Unknown:
        return {}
    return dict(_SETTING.findall(text))


def rejects(global_filter: str, path: str) -> bool:
    """Whether LVM's filter keeps it away from a device: the first pattern that fits decides, and none means it is accepted."""
    for kind, _, pattern in _PATTERN.findall(global_filter):
        try:
            if re.search(pattern, path):
                return bool(kind == "r")
        except re.error:  # LVM's own expressions are a little different
            continue
    return False
