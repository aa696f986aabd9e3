"""Builds the part of sysfs that shows PMEM as it was recorded on the emulated host."""

import os
from pathlib import Path

CAPTURES = Path(__file__).parents[1] / "data/captures"


def build(root: Path) -> Path:
    """Make a sysfs below ``root`` with every namespace of the recordings; returns its folder."""
    nd_devices = root / "bus/nd/devices"
    for name, attributes in _recorded("sys-nd-attrs.txt").items():
        _write(nd_devices / name, attributes)
    # The dax device lies below the nd device that has the same memory; only the recorded addresses tell which.
    holders = {
        one.get("resource"): name for name, one in _recorded("sys-nd-attrs.txt").items() if name.startswith("dax")
    }
    for name, attributes in _recorded("sys-dax-attrs.txt").items():
        folder = nd_devices / holders[attributes["resource"]] / name
        _write(folder, attributes)
        if "DRIVER=" in attributes["uevent"]:
            bind(folder, "device_dax")
    # As the kernel does it: a namespace in another mode has a disk below what claims it, or below itself.
    for holder, disk in (("pfn0.0", "pmem0.2"), ("btt0.0", "pmem0.3s"), ("namespace0.4", "pmem0.4")):
        (nd_devices / holder / "block" / disk).mkdir(parents=True)
    return root


def bind(folder: Path, driver: str) -> None:
    """Let a driver have the device."""
    (folder / "driver").unlink(missing_ok=True)
    (folder / "driver").symlink_to(Path("/sys/bus/dax/drivers") / driver)


def disable(sys: Path, number: str) -> None:
    """Do to the tree what the kernel does when a namespace in devdax mode is disabled, as recorded for namespace0.0."""
    namespace = sys / "bus/nd/devices" / f"namespace{number}"
    (namespace / "holder").write_text("\n")
    (namespace / "mode").write_text("raw\n")
    holder = sys / "bus/nd/devices" / f"dax{number}"
    (holder / "namespace").write_text("\n")
    device = holder / f"dax{number}"
    device.rename(sys / f"gone-{device.name}")


def _recorded(file: str) -> dict[str, dict[str, str]]:
    devices: dict[str, dict[str, str]] = {}
    attributes: dict[str, str] = {}
    for line in (CAPTURES / file).read_text().splitlines():
        key, is_attribute, value = line.partition("=")
        if line.startswith("## "):
            attributes = devices.setdefault(Path(line[3:]).name, {})
        elif is_attribute and not value.startswith("head: error"):
            attributes[key] = value.strip()
    return devices


def _write(folder: Path, attributes: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in attributes.items():
        (folder / name).write_text(value + os.linesep)
