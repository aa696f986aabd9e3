"""How nova-compute in L1 is configured for nova_accel."""

from __future__ import annotations

from typing import TypedDict

from lab.control.settings import Section

ACCEL_DRIVER = "accel.AccelLibvirtDriver"
ALL_DRIVERS = "inspur_nvme_ssd_driver,nvme_ssd_driver,intel_pmem_driver"
PMEM = {"LAB": ("ns0", "ns1", "whole"), "FAR": ("ns2",)}  # in the smoke scenario; "files" is left to the host
QEMU_VENDOR = "vendor_id:1b36"  # every controller that QEMU emulates


class Configured(TypedDict):
    """The part of a Wish that is configuration."""

    driver: str
    options: dict[str, Section]


def with_drivers(drivers: str = ALL_DRIVERS) -> Configured:
    """Our compute driver with these of ours enabled; an empty text enables none."""
    options: dict[str, Section] = {
        "nova_accel": {
            "enabled_drivers": drivers,
            "nvme_ssd_filter": QEMU_VENDOR,
            "pmem_namespaces": ",".join(f"{label}:{'|'.join(names)}" for label, names in PMEM.items()),
            "discovery_interval": "15",
        },
    }
    return {"driver": ACCEL_DRIVER, "options": options}
