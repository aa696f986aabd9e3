"""Tells whether what sits at an address is still the very device that was seen there before.

A controller on vfio-pci shows no serial number, so the one seen earlier has to count; but only within the same boot and while the
device was not taken out in between. The kernel numbers each sysfs folder afresh when it makes it and does not use a number again
before the next boot, so boot id and folder number together change with every removal, also while nobody was looking.
"""

from pathlib import Path

from nova_accel.facts.roots import Roots


def incarnation(roots: Roots, folder: Path) -> str | None:
    """A word that is the same exactly as long as the device stays; None when it is gone."""
    boot_id = roots.read(roots.proc / "sys/kernel/random/boot_id")
    try:
        number = folder.stat().st_ino
    except OSError:
        return None
    return f"{boot_id}:{number}" if boot_id else None
