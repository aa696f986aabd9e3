"""What sysfs says about persistent memory that ndctl does not: who made a DIMM, and whether a namespace has stayed what it was."""

from dataclasses import dataclass

from nova_accel.facts import presence
from nova_accel.facts.roots import Roots


@dataclass(frozen=True)
class DimmFacts:
    """One NVDIMM; numbers as in ACPI's NFIT table, None where the firmware gives none."""

    name: str
    vendor_id: int | None
    product_id: int | None
    device_id: str | None
    """The whole identifier, such as ``8089-a2-1837-00000bb3``."""


def read_dimm(roots: Roots, name: str) -> DimmFacts:
    """Read one NVDIMM's numbers, ``nmem0`` for example."""
    folder = roots.sys / "bus/nd/devices" / name / "nfit"
    return DimmFacts(
        name=name,
        vendor_id=_hexadecimal(roots.read(folder / "vendor")),
        product_id=_hexadecimal(roots.read(folder / "device")),
        device_id=roots.read(folder / "id") or None,
    )


def incarnation(roots: Roots, namespace: str, chardev: str | None) -> str | None:
    """A word that is the same exactly as long as the namespace is neither disabled, destroyed nor made anew; None when it is gone."""
    itself = presence.incarnation(roots, roots.sys / "bus/nd/devices" / namespace)
    if itself is None or chardev is None:
        return itself
    device = presence.incarnation(roots, roots.sys / "bus/dax/devices" / chardev)
    return f"{itself}:{device.rpartition(':')[2] if device else 'gone'}"


def _hexadecimal(text: str | None) -> int | None:
    try:
        return int(text or "", 16)
    except ValueError:
        return None
