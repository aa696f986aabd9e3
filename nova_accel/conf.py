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
    cfg.ListOpt(
        "clean_methods",
        default=["sanitize-block", "sanitize-crypto", "format", "format-crypto", "write-zeroes", "overwrite"],
        help="""
How an SSD may be erased once its server is gone, the best first: the first one that the SSD's controller offers is used. The result is
read back in any case, see ``clean_verify``.

* ``sanitize-block``, ``sanitize-crypto``, ``sanitize-overwrite``: NVMe sanitize, which reaches also what the SSD keeps to itself. It is
  for the whole NVM subsystem; after a crypto erase zeros are written, because what is read then need not be zero.
* ``format``, ``format-crypto``: NVMe format with user-data erase, or with cryptographic erase and zeros after it.
* ``write-zeroes``: the controller is told to write zeros, or the kernel writes them where it cannot.
* ``overwrite``: zeros are written as data.
* ``none``: nothing is erased and nothing is read back. The next server reads what the one before has written! Only by itself, and for
  persistent memory as well, which otherwise is always overwritten with zeros.

The default leaves ``sanitize-overwrite`` out, which takes hours and wears the SSD more than it proves.

Example: ``clean_methods = format,write-zeroes``
""",
    ),
    cfg.StrOpt(
        "clean_verify",
        default="whole",
        choices=[
            ("whole", "every byte is read"),
            ("sample", "both ends, where partition tables lie, and 64 places by chance are read, 4 MiB each"),
        ],
        help="""
How a device is read back after it was erased. What was never offered before is read as a whole in any case, because nobody erased it.
""",
    ),
    cfg.IntOpt(
        "clean_timeout",
        default=6 * 3600,
        min=60,
        help="""
Seconds that one attempt to clean one device may take, reading it back included. The default is enough to write and read 15 TB at
1.5 GB/s each. One that takes longer has failed: see ``clean_attempts``.
""",
    ),
    cfg.IntOpt(
        "clean_attempts",
        default=4,
        min=1,
        help="""
How often nova-compute tries to clean a device by itself: at once, and after each failure 1, 5 and then every 30 minutes later. After the
last the device stays reserved until an operator says ``nova-accel device clean``.
""",
    ),
    cfg.BoolOpt(
        "one_time_use",
        default=False,
        help="""
Whether a device that was in a guest stays reserved until somebody else has cleaned it and said ``nova-accel device clean --done-by NAME``.
Nothing of it is erased by nova-compute then; it is still read back as ``clean_verify`` says before it is offered again.
""",
    ),
    cfg.StrOpt(
        "cleaning_record",
        default="$state_path/nova_accel/cleaning.jsonl",
        help="""
The file to which each attempt to clean a device adds one line of JSON, for an auditor: device, serial number, size, method, begin, end,
verification, result and the server that had it.
""",
    ),
    cfg.StrOpt(
        "on_rebuild",
        default="clean",
        choices=[
            ("clean", "its devices are erased and read back, and the rebuild waits for that"),
            ("keep", "its devices keep their content"),
        ],
        help="""
What becomes of a server's devices when it is rebuilt. It keeps the same ones either way. The default is what a rebuild does to a local
disk; ``keep`` is what it does to a volume.
""",
    ),
    cfg.BoolOpt(
        "suspend_with_pmem",
        default=False,
        help="""
Whether a server with persistent memory may be suspended, and snapshotted cold. libvirt then saves all of that memory too, in
/var/lib/libvirt/qemu/save and not encrypted, and writes it back when the server is resumed. That takes as much room there, which is looked
for before, and as long as copying takes. False: such a server is refused with a sentence and goes on.
""",
    ),
    cfg.IntOpt(
        "ssd_wear_limit",
        default=100,
        min=1,
        max=254,
        help="""
An SSD that reports more than this as used of its life, in percent, is not offered any more. The default is the vendor's own estimate of
its end; an SSD may go on beyond it.
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
    clean_methods: tuple[str, ...] = ("format", "write-zeroes")
    clean_verify: str = "whole"
    clean_timeout_s: int = 6 * 3600
    clean_attempts: int = 4
    one_time_use: bool = False
    cleaning_record: str = ""
    """Empty: none is kept."""
    on_rebuild: str = "clean"
    suspend_with_pmem: bool = False
    ssd_wear_limit: int = 100
    """Percent."""


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
        clean_methods=tuple(group.clean_methods),
        clean_verify=group.clean_verify,
        clean_timeout_s=group.clean_timeout,
        clean_attempts=group.clean_attempts,
        one_time_use=group.one_time_use,
        cleaning_record=group.cleaning_record,
        on_rebuild=group.on_rebuild,
        suspend_with_pmem=group.suspend_with_pmem,
        ssd_wear_limit=group.ssd_wear_limit,
    )


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """For the entry point ``oslo.config.opts``: what the sample generator shows."""
    return [(GROUP, OPTIONS)]
