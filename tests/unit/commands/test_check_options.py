"""``status check``: what nova.conf says, and who else gives devices away."""

import pytest

from nova_accel.ledger.store import Ledger
from tests.unit.commands.broken import FAILURE, WARNING, Broken
from tests.unit.commands.checked_host import CheckedHost
from tests.unit.commands.conftest import sighting


def see(host: CheckedHost, address: str, reason: str, sentence: str) -> None:
    Ledger(str(host.ledger_path)).sightings.replace([sighting(address, "S4EVFREE", reason, sentence)])


BROKEN = (
    Broken(
        "compute driver",
        "another",
        lambda host: host.configure("accel.AccelLibvirtDriver", "libvirt.LibvirtDriver"),
        FAILURE,
        "compute_driver is libvirt.LibvirtDriver",
        "Set compute_driver = accel.AccelLibvirtDriver in [DEFAULT]",
    ),
    Broken(
        "options",
        "unknown driver",
        lambda host: host.configure("= nvme_ssd_driver", "= nvme_ssd_driver,nvme_sdd_driver"),
        FAILURE,
        "'nvme_sdd_driver' is not among",
        "nova-compute does not start with it",
    ),
    Broken(
        "options",
        "no driver",
        lambda host: host.configure(
            "enabled_drivers = nvme_ssd_driver,intel_pmem_driver\nnvme_ssd_filter = vendor_id:1b36\npmem_namespaces = 6GB:ns0|ns1\n",
            "",
        ),
        WARNING,
        "nothing is offered",
        "Set enabled_drivers",
    ),
    Broken(
        "options without effect",
        "namespaces without their driver",
        lambda host: host.configure("nvme_ssd_driver,intel_pmem_driver", "nvme_ssd_driver"),
        WARNING,
        "pmem_namespaces has no effect without intel_pmem_driver in enabled_drivers",
        "Enable the driver, correct the name or take the option out",
    ),
    Broken(
        "options without effect",
        "a filter without its driver",
        lambda host: host.configure("nvme_ssd_driver,intel_pmem_driver", "inspur_nvme_ssd_driver,intel_pmem_driver"),
        WARNING,
        "nvme_ssd_filter has no effect without nvme_ssd_driver in enabled_drivers",
        "Enable the driver, correct the name or take the option out",
    ),
    Broken(
        "options",
        "a driver without its option",
        lambda host: host.configure("nvme_ssd_filter = vendor_id:1b36\n", ""),
        FAILURE,
        "[nova_accel] nvme_ssd_filter",
        "nova-compute does not start with it",
    ),
    *(
        Broken(
            "options",
            f"clean_methods = {methods}",
            lambda host, methods=methods: host.configure(
                "[nova_accel]\n", f"[nova_accel]\nclean_methods = {methods}\n"
            ),
            FAILURE,
            found,
            "nova-compute does not start with it",
        )
        for methods, found in (
            ("format,shred", "'shred' is none of sanitize-block"),
            ("format,format", "each method can come once only"),
            ("format,none", "none can only stand by itself"),
        )
    ),
    Broken(
        "options without effect",
        "a name that is mistyped",
        lambda host: host.configure("[nova_accel]\n", "[nova_accel]\ndiscovery_intervall = 5\n"),
        WARNING,
        "[nova_accel] has no option discovery_intervall",
        "take the option out",
    ),
    Broken(
        "double owners",
        "an SSD by its ids",
        lambda host: host.configure(
            "[nova_accel]\n", '[pci]\ndevice_spec = {"vendor_id": "1b36", "product_id": "0010"}\n[nova_accel]\n'
        ),
        FAILURE,
        "[pci] device_spec names 0000:01:00.0 too",
        "Take each out of [pci] device_spec",
    ),
    Broken(
        "double owners",
        "an SSD in a list of addresses",
        lambda host: host.configure(
            "[nova_accel]\n",
            '[pci]\ndevice_spec = [{"address": "0000:07:00.0"}, {"address": "*:01:00.*"}]\n[nova_accel]\n',
        ),
        FAILURE,
        "[pci] device_spec names 0000:01:00.0 too",
        "Take each out of [pci] device_spec",
    ),
    Broken(
        "double owners",
        "an SSD by regular expressions",
        lambda host: host.configure(
            "[nova_accel]\n", '[pci]\ndevice_spec = {"address": {"bus": "0[1-3]", "function": "0"}}\n[nova_accel]\n'
        ),
        FAILURE,
        "[pci] device_spec names 0000:01:00.0 too",
        "Take each out of [pci] device_spec",
    ),
    Broken(
        "double owners",
        "a namespace",
        lambda host: host.configure(
            "[nova_accel]\n", "[libvirt]\npmem_namespaces = BIG:ns9|ns1,SMALL:ns8\n[nova_accel]\n"
        ),
        FAILURE,
        "[libvirt] pmem_namespaces names ns1 too",
        "[libvirt] pmem_namespaces, or out of [nova_accel]",
    ),
    Broken(
        "double owners",
        "as nova-compute found it",
        lambda host: see(host, "0000:01:00.0", "double owner", "[pci] device_spec names it too"),
        FAILURE,
        "0000:01:00.0: [pci] device_spec names it too",
        "Take each out",
    ),
)


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_what_is_broken_is_found_alone_with_what_to_do(is_found_alone, broken: Broken):
    is_found_alone(broken)


@pytest.mark.parametrize(
    "spec",
    [
        '{"vendor_id": "8086"}',
        '{"vendor_id": "1b36", "product_id": "0011"}',
        '{"address": "0000:02:00.0"}',
        '{"address": "02:00.0"}',
        '{"address": {"bus": "02"}}',
        '{"address": {"bus": "("}}',
        '{"devname": "eth0"}',
        "not json",
        '"words"',
    ],
)
def test_a_device_spec_for_something_else_is_no_second_owner(run, host: CheckedHost, spec: str):
    host.configure("[nova_accel]\n", f"[pci]\ndevice_spec = {spec}\n[nova_accel]\n")
    assert run("status", "check", facts=host.facts).status == 0
