"""Reads the older of the two sets of recordings (``tests/data/captures``), whose files are not yet in the other one's form.

Nothing is made up but what nobody recorded then: that there is no swap, and a boot id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LSPCI = "lspci-vmmnnD.txt"
_NUMBER = re.compile(r"\[([0-9a-f]{4})\]$")
_SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
_BOOT_ID = "00000000-0000-4000-8000-000000000001\n"
_PCI = "/sys/bus/pci/devices"


def read(folder: Path) -> dict[str, str]:
    """The recordings by the names and in the form of the newer set."""
    functions = list(_records((folder / LSPCI).read_text()))
    disks = list(_disks(json.loads((folder / "lsblk.json").read_text())["blockdevices"]))
    found = {
        "lspci-Dnmm.txt": "".join(map(_lspci_line, functions)),
        "sysfs-pci.txt": "\n".join([*map(_pci_class, functions), *_pci((folder / "sysfs-nvme.txt").read_text())]),
        "sysfs-iommu-groups.txt": "\n".join(_groups((folder / "iommu_groups.txt").read_text())),
        "sysfs-nvme.txt": "\n".join(_controllers(json.loads((folder / "nvme-list-v.json").read_text()))),
        "sysfs-block.txt": "\n".join(f"F /sys/block/{disk['name']}/dev {disk['maj:min']}" for disk in disks),
        "proc-self-mountinfo.txt": "".join(_mounts(disks)),
        "proc-swaps.txt": _SWAPS,
        "boot-id.txt": _BOOT_ID,
        "ndctl-list-NRDvi.json": (folder / "nd-09-all-list-NRDvi.json").read_text(),
        "sysfs-nd.txt": "\n".join(_attributes((folder / "sys-nd-attrs.txt").read_text())),
        "sysfs-dax.txt": "\n".join(_attributes((folder / "sys-dax-attrs.txt").read_text())),
    }
    answers = {f"nvme-id-ctrl-{file.name}": file.read_text() for file in sorted(folder.glob("nvme*-id-ctrl.json"))}
    return found | answers


def _records(text: str) -> Iterator[dict[str, str]]:
    for record in text.strip().split("\n\n"):
        yield dict(line.split(":\t", 1) for line in record.splitlines())


def _lspci_line(function: Mapping[str, str]) -> str:
    numbers = [_number(function, name) for name in ("Class", "Vendor", "Device")]
    revision = f" -r{function['Rev']}" if "Rev" in function else ""
    shown = " ".join(f'"{number}"' for number in numbers)
    subsystem = " ".join(f'"{_number(function, name)}"' for name in ("SVendor", "SDevice"))
    return f"{function['Slot']} {shown}{revision} -p{function.get('ProgIf', '00')} {subsystem}\n"


def _number(function: Mapping[str, str], name: str) -> str:
    found = _NUMBER.search(function.get(name, ""))
    return found[1] if found else ""


def _pci_class(function: Mapping[str, str]) -> str:
    return f"F {_PCI}/{function['Slot']}/class 0x{_number(function, 'Class')}{function.get('ProgIf', '00')}"


def _pci(text: str) -> Iterator[str]:
    for address, lines in _sections(text):
        for line in lines:
            name, is_attribute, value = line.partition("=")
            if is_attribute and name.islower() and " " not in name:
                yield f"F {_PCI}/{address}/{name} {value}"
            elif line.startswith("/sys/kernel/iommu_groups/"):
                yield f"L {_PCI}/{address}/iommu_group {line}"
            elif line.startswith("/sys/bus/pci/drivers/"):
                yield f"L {_PCI}/{address}/driver {line}"


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    for section in text.split("## ")[1:]:
        title, *lines = section.splitlines()
        yield title, lines


def _groups(text: str) -> Iterator[str]:
    for number, devices in re.findall(r"^(\d+) type=\S+ devices=(.*)$", text, re.MULTILINE):
        for address in devices.split():
            yield f"L /sys/kernel/iommu_groups/{number}/devices/{address} {_PCI}/{address}"


def _controllers(listed: Mapping[str, Any]) -> Iterator[str]:
    for subsystem in (one for host in listed["Devices"] for one in host["Subsystems"]):
        for controller in subsystem["Controllers"]:
            name = controller["Controller"]
            at = f"/sys/class/nvme/{name}"
            yield f"F {at}/address {controller['Address']}"
            yield f"F {at}/serial {controller['SerialNumber']}"
            yield f"F {at}/model {controller['ModelNumber']}"
            yield from _namespaces(at, controller["Namespaces"] or subsystem["Namespaces"])


def _namespaces(at: str, listed: Any) -> Iterator[str]:
    for namespace in listed:
        yield f"F {at}/{namespace['NameSpace']}/size {namespace['PhysicalSize'] // 512}"


def _disks(listed: list[Mapping[str, object]]) -> Iterator[Mapping[str, object]]:
    for disk in listed:
        yield disk
        children = disk.get("children") or []
        assert isinstance(children, list)
        yield from _disks(children)


def _mounts(disks: list[Mapping[str, object]]) -> Iterator[str]:
    for number, disk in enumerate(disks, 1):
        points = disk["mountpoints"]
        assert isinstance(points, list)
        for point in filter(None, points):
            yield f"{number} 0 {disk['maj:min']} / {point} rw - {disk['fstype']} {disk['path']} rw\n"


def _attributes(text: str) -> Iterator[str]:
    for folder, lines in _sections(text):
        for line in lines:
            name, _, value = line.partition("=")
            if "error reading" not in value:
                yield f"F {folder}/{name} {value.rstrip()}"
