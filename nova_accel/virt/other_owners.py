"""Who else on this host may have, or give away, a device: libvirt's domains, and Nova's own PCI and PMEM passthrough."""

import os
from collections import defaultdict
from typing import Any

from oslo_log import log as logging

from nova_accel.discovery.memory import Others
from nova_accel.virt import nova_private
from nova_accel.xml import domain

LOG = logging.getLogger(__name__)


def others(driver: Any) -> Others:
    """Ask libvirt now; what Nova's options say is asked when a device is there.

    :param driver: Nova's libvirt driver
    """
    try:
        has, owner_of_pci = domains(driver), nova_private.pci_device_spec()
    except Exception as error:  # libvirt's and Nova's errors of any sort: what cannot be asked about is not offered
        LOG.exception("Who else may have this host's devices is not known")
        return Others(unknown=f"{type(error).__name__} while asking libvirt and Nova who else may have it: {error}")
    return Others(has, "", owner_of_pci, nova_private.names_pmem_namespace)


def domains(driver: Any) -> dict[str, frozenset[str]]:
    """Uuids of all domains, running or not, Nova's or not, by what they have: a PCI address or a path of the kernel's."""
    found: dict[str, set[str]] = defaultdict(set)
    for uuid, xml in nova_private.domain_xmls(driver):
        for address in domain.pci_addresses(xml):
            found[str(address)].add(uuid)
        for path in {*domain.nvdimm_paths(xml), *domain.disk_paths(xml)}:
            # Links such as those in /dev/disk/by-id lead to the kernel's name.
            found[os.path.realpath(path)].add(uuid)
    return {place: frozenset(uuids) for place, uuids in found.items()}
