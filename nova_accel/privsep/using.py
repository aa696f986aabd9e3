"""Sees which processes use a disk or a namespace; a capability more than reading has is needed for that."""

from pathlib import Path

from nova_accel.privsep import acting_pctxt, blocks, controller, in_kernel, mounts, namespace, openers
from nova_accel.privsep.errors import Refused

_SYS = Path("/sys")
_CALL_TIMEOUT_S = 60.0


@acting_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def who_writes(addresses: list[str]) -> dict[str, str]:
    """Which of these NVMe controllers' disks a process has open for writing, or the kernel uses for a loop device or an export.

    :returns: a sentence by address, for those that one has open and those that could not be looked at
    """
    found, whose = _disks(addresses)
    by_number = blocks.numbers(whose)
    for number, sentence in in_kernel.find(by_number).items():
        found[whose[by_number[number]]] = sentence
    for number, writer in openers.find_writers(by_number).items():
        found[whose[by_number[number]]] = f"{writer} has it open for writing"
    return found


@acting_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def mounted_elsewhere(addresses: list[str]) -> dict[str, str]:
    """Where these NVMe controllers' disks and partitions are mounted outside of this mount namespace.

    :returns: words by address, such as ``/mnt in the mount namespace of sh (process 123)``
    """
    _, whose = _disks(addresses)
    return {whose[name]: where for name, where in mounts.find(whose, elsewhere_only=True).items()}


@acting_pctxt.entrypoint_with_timeout(_CALL_TIMEOUT_S)
def namespace_users(devs: list[str]) -> dict[str, str]:
    """Which of these PMEM namespaces something on this host uses, through a dax device or a block device.

    :returns: a sentence by namespace name, for those in use and those that could not be looked at
    """
    found: dict[str, str] = {}
    dax_of: dict[str, str] = {}
    disk_of: dict[str, str] = {}
    numbers: dict[str, int | None] = {}
    for dev in devs:
        try:
            mine = namespace.dax_numbers(_SYS, dev)
            disks = blocks.with_partitions(namespace.block_names(_SYS, dev))
        except Refused as refusal:
            found[dev] = str(refusal)
            continue
        numbers |= mine
        dax_of |= dict.fromkeys(mine, dev)
        disk_of |= dict.fromkeys(disks, dev)
    found |= {disk_of[name]: sentence for name, sentence in _disk_users(disk_of).items()}
    return found | {dax_of[name]: sentence for name, sentence in openers.find_dax_users(numbers).items()}


def _disk_users(names: dict[str, str]) -> dict[str, str]:
    """A sentence for each of these block devices that something uses; where it is mounted says most."""
    if not names:
        return {}
    by_number = blocks.numbers(names)
    found = {
        by_number[number]: f"{writer} has /dev/{by_number[number]} open for writing"
        for number, writer in openers.find_writers(by_number).items()
    }
    for number, sentence in in_kernel.find(by_number).items():
        found[by_number[number]] = sentence
    for name in names:
        try:
            with blocks.exclusive((name,)):
                pass
        except Refused as refusal:
            found[name] = str(refusal)
    mounted = mounts.find(names, elsewhere_only=False)
    return found | {name: f"/dev/{name} is mounted on {where}" for name, where in mounted.items()}


def _disks(addresses: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Sentences by address for controllers that cannot be looked at; addresses by name of disk and partition for the others."""
    refusals: dict[str, str] = {}
    whose: dict[str, str] = {}
    for address in addresses:
        try:
            names = blocks.with_partitions(controller.namespaces(controller.device(address)))
        except Refused as refusal:
            refusals[address] = str(refusal)
            continue
        whose |= dict.fromkeys(names, address)
    return refusals, whose
