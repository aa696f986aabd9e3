"""Whether the host leaves tenants' arrays alone before its root file system is mounted: our udev rule does not hold there."""

import re
from pathlib import Path

from nova_accel.commands.checks.facts import Facts
from nova_accel.commands.checks.result import Result, ok, warning

# What brings mdadm into an initramfs, of initramfs-tools and of dracut.
_BRINGERS = ("usr/share/initramfs-tools/hooks/mdadm", "usr/lib/dracut/modules.d/*mdraid")
# Distributions have it in one of these; mdadm reads what lies in the folders too.
_CONFIGURATION = ("etc/mdadm.conf", "etc/mdadm/mdadm.conf", "etc/mdadm.conf.d/*.conf", "etc/mdadm/mdadm.conf.d/*.conf")
_AUTO = re.compile(r"^auto\s(.*(?:\n[ \t].*)*)", re.MULTILINE | re.IGNORECASE | re.ASCII)
_COMMENT = re.compile(r"#.*", re.ASCII)


def arrays(facts: Facts) -> Result:
    """mdadm assembles only the host's own arrays."""
    if not facts.uses_ssds:
        return ok("no driver for SSDs is enabled")
    if facts.which("mdadm") is None or not _found(facts.root, _BRINGERS):
        return ok("nothing brings mdadm into the initramfs")
    texts = [facts.text(path) or "" for path in _found(facts.root, _CONFIGURATION)]
    if any(keeps_to_listed(text) for text in texts):
        return ok("mdadm assembles only the arrays that its configuration lists")
    return warning(
        "after a reboot, mdadm in the initramfs may assemble an array that a guest has written on its SSD",
        "In mdadm.conf list the host's own arrays (mdadm --detail --scan), write AUTO -all, "
        "and make the initramfs anew (update-initramfs -u, or dracut --force).",
    )


def _found(root: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted(path for pattern in patterns for path in root.glob(pattern))


def keeps_to_listed(text: str) -> bool:
    """Whether mdadm's configuration has it assemble by itself nothing but what is listed: the first word that fits decides."""
    for words in _AUTO.findall(_COMMENT.sub("", text)):
        kinds = words.lower().split()
        if "-all" in kinds:
            return all(kind.startswith("-") for kind in kinds[: kinds.index("-all")])
    return False
