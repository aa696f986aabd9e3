"""Who else on this host may have, or give away, a device: libvirt's domains, and Nova's own PCI and PMEM passthrough."""

import os
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from oslo_log import log as logging

from nova_accel.discovery.memory import Others
from nova_accel.privsep.links import path_of
from nova_accel.virt import nova_private
from nova_accel.virt.reconcile import Placed
from nova_accel.xml import domain

LOG = logging.getLogger(__name__)


def others(driver: Any) -> Others:
    """Ask libvirt now; what Nova's options say is asked when a device is there.

    :param driver: Nova's libvirt driver
    """
    try:
        has, owner_of_pci = _by_place(domains(driver)), nova_private.pci_device_spec()
    except Exception as error:  # libvirt's and Nova's errors of any sort: what cannot be asked about is not offered
        LOG.exception("Who else may have this host's devices is not known")
        return Others(unknown=f"{type(error).__name__} while asking libvirt and Nova who else may have it: {error}")
    return Others(has, "", owner_of_pci, nova_private.names_pmem_namespace)


def domains(driver: Any) -> dict[str, frozenset[str]]:
    """What each domain has, running or not, Nova's or not, by its uuid: PCI addresses, and paths of the kernel's.

    A PMEM namespace is there by its stable path too, wherever that leads now.
    """
    return {uuid: _places(xml) for uuid, xml in nova_private.domain_xmls(driver)}


def stopped(driver: Any) -> frozenset[str]:
    """Uuids of the domains that libvirt keeps and does not run."""
    return frozenset(uuid for uuid, xml in nova_private.domain_xmls(driver) if not domain.is_running(xml))


def _places(xml: str) -> frozenset[str]:
    addresses = {str(address) for address in domain.pci_addresses(xml)}
    nvdimms = domain.nvdimm_paths(xml)
    # Links such as those in /dev/disk/by-id lead to the kernel's name.
    paths = {os.path.realpath(path) for path in {*nvdimms, *domain.disk_paths(xml)}}
    # An alias of ours tells the namespace also where an earlier version wrote the path of a dax device.
    stable = {path_of(alias) for alias in nvdimms.values() if alias is not None}
    return frozenset(addresses | paths | stable | nvdimms.keys())


def _by_place(has: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for uuid, places in has.items():
        for place in places:
            found[place].add(uuid)
    return {place: frozenset(uuids) for place, uuids in found.items()}


def placed(driver: Any) -> list[Placed]:
    """The PCI devices that stand in a domain's XML under an alias of ours.

    :param driver: Nova's libvirt driver
    :raises Exception: what Nova's libvirt layer raises when libvirt cannot be asked
    """
    return [
        Placed(uuid, str(address), alias, running=domain.is_running(xml))
        for uuid, xml in nova_private.domain_xmls(driver)
        for address, alias in domain.pci_addresses(xml).items()
        if alias is not None
    ]
