"""The options below ``[nova_accel]`` in nova.conf. Nothing is registered on import: call :func:`register`."""

from dataclasses import dataclass

from oslo_config import cfg

GROUP = cfg.OptGroup(
    "nova_accel",
    title="Local SSDs and other host devices for guests",
    help="Devices of this host that nova-compute offers to guests. Without enabled_drivers nothing is offered.",
)

OPTIONS = [
    cfg.ListOpt(
        "enabled_drivers",
        default=[],
        help="""
The drivers that look for devices on this host, by name. Where two drivers would take one device, the more specific one gets it,
whatever the order here. Empty, the default: nova-compute behaves as with libvirt.LibvirtDriver.

* ``inspur_nvme_ssd_driver``: NVMe SSDs of Inspur (PCI vendor 1bd4, class 0108, programming interface 02).
* ``nvme_ssd_driver``: NVMe SSDs of any vendor that ``nvme_ssd_filter`` chooses.
* ``intel_pmem_driver``: the PMEM namespaces that ``pmem_namespaces`` names, on NVDIMMs of any vendor.

Example: ``enabled_drivers = inspur_nvme_ssd_driver,intel_pmem_driver``
""",
    ),
    cfg.MultiStrOpt(
        "nvme_ssd_filter",
        default=[],
        help="""
Which NVMe SSDs ``nvme_ssd_driver`` may offer; may be given several times, an SSD is chosen when it passes one of them. A filter is a
list of ``key:pattern``, separated by commas, all of which have to fit. ``vendor_id`` and ``product_id`` are four hexadecimal digits or
``*``; ``address`` and ``serial`` may contain ``*``. No default, because a wrong guess would offer the host's own disks; those in use are
refused in any case.

Example: ``nvme_ssd_filter = vendor_id:8086,product_id:0a54`` and ``nvme_ssd_filter = vendor_id:144d,address:0000:5e:*``
""",
    ),
    cfg.ListOpt(
        "pmem_namespaces",
        default=[],
        help="""
Which PMEM namespaces ``intel_pmem_driver`` offers, and under which labels: ``label:name|name|name``, separated by commas. A name is that
of ``ndctl create-namespace --name``; the namespace has to be in devdax mode. A label becomes the resource class and trait
``CUSTOM_PMEM_NAMESPACE_<LABEL>``, so it has letters, digits and ``_`` only. No default, because only the operator knows what a namespace is
for. It may stand in ``[libvirt] pmem_namespaces`` or here, not in both: a namespace that does is offered by neither of our drivers.

Example: ``pmem_namespaces = 6GB:ns0|ns1|ns2,LARGE:ns3``
""",
    ),
    cfg.IntOpt(
        "discovery_interval",
        default=60,
        min=0,
        help="""
Seconds between two looks at the host's devices. The default is that of Nova's own resource audit, so a change shows within two
minutes. 0: look only when nova-compute starts.
""",
    ),
    cfg.IntOpt(
        "cleaning_workers",
        default=4,
        min=1,
        help="""
How many devices are cleaned, or read before they are offered for the first time, at the same time. The default keeps a host with many
SSDs busy for a tolerable time without taking much of its processors and of its memory's bandwidth; each device is worked on by one.

Example: ``cleaning_workers = 8``
""",
    ),
    cfg.StrOpt(
        "ledger_path",
        default="$state_path/nova_accel/ledger.sqlite",
        help="""
The file that remembers which server has or had which device, and what is proven clean. It has to be on a local disk that survives a
reboot of the host and that nova-compute's user can write to: without it no device is given away.
""",
    ),
]


@dataclass(frozen=True)
class Settings:
    """The options' values, read once at nova-compute's start."""

    enabled_drivers: tuple[str, ...]
    nvme_ssd_filters: tuple[str, ...]
    discovery_interval_s: int
    ledger_path: str
    pmem_namespaces: tuple[str, ...] = ()
    cleaning_workers: int = 4


def register(conf: cfg.ConfigOpts) -> None:
    """Make the options known to ``conf``; a second call changes nothing."""
    conf.register_group(GROUP)
    conf.register_opts(OPTIONS, group=GROUP)


def read(conf: cfg.ConfigOpts) -> Settings:
    """Read the values of the registered options."""
    group = conf[GROUP.name]
    return Settings(
        enabled_drivers=tuple(group.enabled_drivers),
        nvme_ssd_filters=tuple(group.nvme_ssd_filter),
        discovery_interval_s=group.discovery_interval,
        ledger_path=group.ledger_path,
        pmem_namespaces=tuple(group.pmem_namespaces),
        cleaning_workers=group.cleaning_workers,
    )


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """For the entry point ``oslo.config.opts``: what the sample generator shows."""
    return [(GROUP, OPTIONS)]
