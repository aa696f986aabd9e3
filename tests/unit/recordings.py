"""Which parser reads which recorded file and what it must find there, and why no parser reads the others.

A new file goes into one of these tables: ``CAPTURES`` or ``CAPTURES_NOT_PARSED`` by its name, ``RECORDED`` or ``RECORDED_NOT_PARSED``
by a pattern that may cover many.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nova_accel.parsers import lspci, mountinfo, ndctl, nvme, nvme_health, swaps
from nova_accel.parsers.nvme_health import SsdHealth

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Recording:
    """What one file must give: what ``facts_of`` makes of its text."""

    facts_of: Callable[[str], object]
    facts: object


@dataclass(frozen=True)
class Listed:
    """Numbers of what ndctl listed."""

    namespaces: int = 0
    devdax: int = 0
    disabled: int = 0
    seeds: int = 0
    regions: int = 0
    dimms: int = 0
    warnings: int = 0


def listed(text: str) -> Listed:
    listing = ndctl.parse(text)
    return Listed(
        namespaces=len(listing.namespaces),
        devdax=sum(one.mode == "devdax" for one in listing.namespaces),
        disabled=sum(not one.enabled for one in listing.namespaces),
        seeds=sum(one.is_seed for one in listing.namespaces),
        regions=len(listing.regions),
        dimms=len(listing.dimms),
        warnings=len(listing.warnings),
    )


def understood(parse: Callable[[str], Any]) -> Callable[[str], tuple[int, int]]:
    """Make a function that counts records and warnings."""

    def count(text: str) -> tuple[int, int]:
        parsed = parse(text)
        return len(parsed.records), len(parsed.warnings)

    return count


def _step(active: int, devdax: int = 0, disabled: int = 2, seeds: int = 2) -> dict[str, Listed]:
    """The four listings after a step; with ``i`` those that are not active are there too, of which the kernel's empty slots are seeds."""
    idle = Listed(namespaces=active + disabled, devdax=devdax, disabled=disabled, seeds=seeds)
    return {
        "N": Listed(namespaces=active, devdax=devdax),
        "Ni": idle,
        "R": Listed(regions=2),
        "NRDvi": Listed(**{**vars(idle), "regions": 2, "dimms": 2}),
    }


_STEPS = {
    "nd-00-fresh": _step(2, disabled=0, seeds=0),
    "nd-01-nons": _step(0),
    "nd-02-devdax-after": _step(1, devdax=1),
    "nd-03-devdax-named-after": _step(2, devdax=2),
    "nd-04-fsdax-after": _step(3, devdax=2),
    "nd-05-sector-after": _step(4, devdax=2),
    "nd-06-raw-after": _step(5, devdax=2),
    "nd-07-devdax-mapmem-after": _step(6, devdax=3),
    "nd-08-toobig-after": _step(6, devdax=3),
    "nd-08b-odd-size-after": _step(6, devdax=3),
    "nd-08c-unaligned-size-after": _step(6, devdax=3),
    "nd-08d-align1G-after": _step(7, devdax=4),
    "nd-08e-longname-after": _step(7, devdax=4),
    "nd-09-all": _step(7, devdax=4),
    "nd-10-disabled": _step(6, devdax=3, disabled=3),
    "nd-11-reenabled": _step(7, devdax=4),
    "nd-13-destroyed": _step(6, devdax=3),
    "nd-14-recreate-after": _step(7, devdax=4),
}
_CREATED = {
    "nd-02-devdax": Listed(namespaces=1, devdax=1),
    "nd-03-devdax-named": Listed(namespaces=1, devdax=1),
    "nd-04-fsdax": Listed(namespaces=1),
    "nd-05-sector": Listed(namespaces=1),
    "nd-06-raw": Listed(namespaces=1),
    "nd-07-devdax-mapmem": Listed(namespaces=1, devdax=1),
    "nd-08-toobig": Listed(),
    "nd-08b-odd-size": Listed(),
    "nd-08c-unaligned-size": Listed(),
    "nd-08d-align1G": Listed(namespaces=1, devdax=1),
    "nd-08e-longname": Listed(),
    "nd-14-recreate": Listed(namespaces=1, devdax=1),
}
_ABLE = nvme.ControllerAbilities(can_format=True, can_write_zeroes=True, manages_namespaces=True)

CAPTURES = {
    **{
        f"{step}-list-{how}.json": Recording(listed, facts)
        for step, ways in _STEPS.items()
        for how, facts in ways.items()
    },
    **{f"{step}-create.json": Recording(listed, facts) for step, facts in _CREATED.items()},
    "nd-09-all-NX.json": Recording(listed, Listed(namespaces=7, devdax=4)),
    "nd-09-all-Nv.json": Recording(listed, Listed(namespaces=7, devdax=4)),
    "nd-09-all-mode-devdax.json": Recording(listed, Listed(namespaces=4, devdax=4)),
    # Sizes as words for people are refused, namespace by namespace; only 0 is printed as a number.
    "nd-09-all-human.json": Recording(listed, Listed(namespaces=1, devdax=1, warnings=8)),
    "nvme0-id-ctrl.json": Recording(nvme.parse_id_ctrl, _ABLE),
    # QEMU's SSDs have no spare blocks, want none and do not age.
    "nvme0-smart.json": Recording(nvme_health.parse, SsdHealth(0, 0, 0, 0)),
    "nvme2-smart.json": Recording(nvme_health.parse, SsdHealth(0, 0, 0, 0)),
    "nvme2-id-ctrl.json": Recording(nvme.parse_id_ctrl, _ABLE),
}

_ABOUT = "because it is about the recordings, not one of them"
_DONE = "because it only says for people that a command was done or refused; the exit status says it to us"
_DAX = "because ndctl -v shows the dax device of a namespace together with the namespace"
_FOR_PEOPLE = "because it is written for people; we ask for lspci -Dnmm"
_KERNEL = "because we read these files of the kernel one by one, not a print of them"
_LIBVIRT = "because libvirt's XML is not a tool's output that we parse; what we need of it is read in nova_accel/xml"
_SYSFS_HAS_IT = "because the kernel's own files say it without root"
_VERSION = "because a version is shown to people as it is"
_VM = "because it shows how the emulated host or a guest in it was started and what it printed"

CAPTURES_NOT_PARSED = {
    "COMMANDS.txt": _ABOUT,
    "README.md": _ABOUT,
    "daxctl-list-DR.json": _DAX,
    "daxctl-list-Di.json": _DAX,
    "daxctl-version.txt": _VERSION,
    "dev-nodes.txt": _KERNEL,
    "domcaps-kvm.xml": _LIBVIRT,
    "domcaps-qemu.xml": _LIBVIRT,
    "iomem.txt": _KERNEL,
    "iommu_groups.txt": _KERNEL,
    "l1-qemu-cmdline.txt": _VM,
    "l2-kvm-vfio-devdax-direct.txt": _VM,
    "lsblk.json": _SYSFS_HAS_IT,
    "lspci-nn-D-k.txt": _FOR_PEOPLE,
    "lspci-nn-D.txt": _FOR_PEOPLE,
    "lspci-tv.txt": _FOR_PEOPLE,
    "lspci-vmmnnD.txt": _FOR_PEOPLE,
    "lspci-vmmnnkD.txt": _FOR_PEOPLE,
    "lspci-vvv.txt": _FOR_PEOPLE,
    "lspci-with-vfs.txt": _FOR_PEOPLE,
    "nd-00-labels.json": "because ndctl read-labels shows the raw label area; sysfs and ndctl list have the uuid that is in it",
    "nd-00-labels.json.err": _DONE,
    "nd-01a-disable-region.txt": _DONE,
    "nd-01a-disable-region.txt.err": _DONE,
    "nd-01b-init-labels.txt": _DONE,
    "nd-01b-init-labels.txt.err": _DONE,
    "nd-01c-enable-region.txt": _DONE,
    "nd-01c-enable-region.txt.err": _DONE,
    "nd-08-toobig-create.json.err": _DONE,
    "nd-08b-odd-size-create.json.err": _DONE,
    "nd-08c-unaligned-size-create.json.err": _DONE,
    "nd-08e-longname-create.json.err": _DONE,
    "nd-10-disable.txt": _DONE,
    "nd-10-disable.txt.err": _DONE,
    "nd-10-enable.txt": _DONE,
    "nd-10-enable.txt.err": _DONE,
    "nd-12-destroy-noforce.txt": _DONE,
    "nd-12-destroy-noforce.txt.err": _DONE,
    "nd-13-destroy-force.txt": _DONE,
    "nd-13-destroy-force.txt.err": _DONE,
    "ndctl-version.txt": _VERSION,
    "nvme-list-subsys.json": _SYSFS_HAS_IT,
    "nvme-list-v.json": _SYSFS_HAS_IT,
    "nvme-list.json": _SYSFS_HAS_IT,
    "nvme-list.txt": _SYSFS_HAS_IT,
    "nvme-version.txt": _VERSION,
    "nvme0-id-ctrl-H.txt": "because it is nvme0-id-ctrl.json for people",
    "nvme0-id-ns.json": _SYSFS_HAS_IT,
    "nvme2-id-ctrl-H.txt": "because it is nvme2-id-ctrl.json for people",
    "nvme2-id-ns.json": _SYSFS_HAS_IT,
    "sys-dax-attrs.txt": _KERNEL,
    "sys-nd-attrs.txt": _KERNEL,
    "sys-nd.txt": _KERNEL,
    "sysfs-nvme-tree.txt": _KERNEL,
    "sysfs-nvme.txt": _KERNEL,
    "virsh-capabilities.xml": _LIBVIRT,
    "virsh-nodedev-nvme.xml": _LIBVIRT,
    "virsh-nodedev-pci.txt": _LIBVIRT,
}

# Of the other set: the parser by pattern. Each line, or each object, must be understood.
RECORDED: dict[str, Callable[[str], Any]] = {
    "lspci-Dnmm*.txt": lspci.parse,
    "lspci-Dnnmm*.txt": lspci.parse,
    "ndctl-list-*.json": ndctl.parse,
    "nvme-id-ctrl-*.json": nvme.parse_id_ctrl,
    "proc-*mountinfo*.txt": mountinfo.parse,
    "proc-swaps*.txt": swaps.parse,
}

# What looks like one of these and is not.
RECORDED_FOR_PEOPLE = {
    "ndctl-list-*u.json": "because with -u ndctl writes sizes as words for people; test_ndctl.py shows that each record is refused",
    "proc-mountinfo-namespaces.txt": "because it is many mountinfo in one, marked; what root's side made of them is in root-side.json",
}

# The first table goes first, so that a wide pattern here may cover what is left of a tool.
RECORDED_NOT_PARSED = {
    "*.err": _DONE,
    "index.tsv": _ABOUT,
    "README.md": _ABOUT,
    "shapes.tsv": _ABOUT,
    "blkdiscard*": _DONE,
    "blkid*": _SYSFS_HAS_IT,
    "boot-id*": _KERNEL,
    "daxctl-*": _DAX,
    "daxio-*": _DONE,
    "dd-to-dax*": _DONE,
    "dmesg-*": _KERNEL,
    "in-use-*": _DONE,
    "memory-blocks*": _KERNEL,
    "ndctl-mistake-*": _DONE,
    "ndctl-ns1-*": _DONE,
    "root-side.json": "because it is what root's side of this project answered; test_recorded_verdicts.py reads it",
    "virsh-*": _LIBVIRT,
    "dev-*": _KERNEL,
    "dmsetup-*": _SYSFS_HAS_IT,
    "lsblk*": _SYSFS_HAS_IT,
    "lspci-Dmm.txt": "because it has names where we need numbers; test_recorded.py shows that each line is refused",
    "lspci-D*vmm*": _FOR_PEOPLE,
    "lvs*": _SYSFS_HAS_IT,
    "mdadm-*": _SYSFS_HAS_IT,
    "nvme-*": "because nvme-cli says it for people, or the kernel's own files say it without root",
    "proc-*": _KERNEL,
    "pvs*": _SYSFS_HAS_IT,
    "sriov-*": _DONE,
    "sysfs-*": _KERNEL,
    "udevadm-*": _SYSFS_HAS_IT,
    "vfio-*": _DONE,
    "vgs*": _SYSFS_HAS_IT,
    "wipefs-*": "because root's side has its own parser for it; test_privsep_signatures.py holds it to these files",
}
