"""The options below ``[nova_accel]`` in nova.conf. Nothing is registered on import: call :func:`register`."""

import os
from dataclasses import dataclass
from pathlib import Path

from oslo_config import cfg, types

from nova_accel.exception import ConfigurationError

GROUP = cfg.OptGroup(
    "nova_accel",
    title="Local SSDs and other host devices for guests",
    help="Devices of this host that nova-compute offers to guests. Without enabled_drivers nothing is offered.",
)

_CLEAN_METHODS = ("sanitize-block", "sanitize-crypto", "format", "format-crypto", "write-zeroes", "overwrite")

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
Seconds from one look at the host's devices to the next. The default is that of Nova's own resource audit, so a change shows within two
minutes. 0: a look only when nova-compute starts, when an operator asks for something and when a failed cleaning is due; until then a
device that came, went or fell ill is not noticed. What servers that moved or were offloaded have left, what Nova's database says beside
the ledger, and a ledger that could not be used are seen to at least once a minute, whatever stands here.

Example: ``discovery_interval = 300``
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
        default=[*_CLEAN_METHODS],
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
How a device is read back after it was erased. The default is the only one that proves all of it. What was never offered before is read
as a whole in any case, because nobody erased it.

Example: ``clean_verify = sample``
""",
    ),
    cfg.IntOpt(
        "clean_timeout",
        default=6 * 3600,
        min=60,
        help="""
Seconds that one attempt to clean one device may take, reading it back included. The default is enough to write and read 15 TB at
1.5 GB/s each; comparing what is read takes less than a third of a processor for each SSD then. One that takes longer has failed: see
``clean_attempts``. It holds too for reading a device before it is offered for the first time, which is then begun again. ``nvme format``
gets what is left of it, a day at most, and is not begun with less than 30 s.

Example: ``clean_timeout = 86400``
""",
    ),
    cfg.IntOpt(
        "clean_attempts",
        default=4,
        min=1,
        help="""
How often nova-compute tries to clean a device by itself: at once, and after each failure 1, 5 and then every 30 minutes later. After the
last the device stays reserved until an operator says ``nova-accel device clean``. The default waits once for each of these times: a
process that had the device open, or a daemon that was restarted, is gone by then, and what fails still needs somebody who looks at it.
Where only ``cleaning_record`` cannot be written, it goes on trying.

Example: ``clean_attempts = 1``
""",
    ),
    cfg.BoolOpt(
        "one_time_use",
        default=False,
        help="""
Whether a device that was in a guest stays reserved until somebody else has cleaned it and said ``nova-accel device clean --done-by NAME``.
Nothing of it is erased by nova-compute then; it is still read back as ``clean_verify`` says before it is offered again. The default is
for hosts where nobody else cleans.

Example: ``one_time_use = true``
""",
    ),
    cfg.StrOpt(
        "cleaning_record",
        default="$state_path/nova_accel/cleaning.jsonl",
        help="""
The file to which each attempt to clean a device adds one line of JSON, for an auditor: device, serial number, size, method, begin, end,
verification, result and the server that had it. A device whose line cannot be written is not offered. The default lies beside the ledger,
where nova-compute may write. Empty: none is kept.

Example: ``cleaning_record = /srv/audit/cleaning.jsonl``
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
disk; ``keep`` is what it does to a volume. With ``clean_methods = none`` they are kept in any case, and with ``one_time_use`` a rebuild is
refused unless this is ``keep``.

Example: ``on_rebuild = keep``
""",
    ),
    cfg.BoolOpt(
        "suspend_with_pmem",
        default=False,
        help="""
Whether a server with persistent memory may be suspended, and snapshotted cold. libvirt then saves all of that memory too, in
/var/lib/libvirt/qemu/save and not encrypted, and writes it back when the server is resumed. That takes as much room there, which is looked
for before, and as long as copying takes. False, the default: such a server is refused with a sentence and goes on, because a copy of a
tenant's memory on the host's disk is something that an operator has to want.

Example: ``suspend_with_pmem = true``
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

Example: ``ssd_wear_limit = 90``
""",
    ),
    cfg.StrOpt(
        "ledger_path",
        default="$state_path/nova_accel/ledger.sqlite",
        help="""
The file that remembers which server has or had which device, and what is proven clean. It has to be on a local disk that survives a
reboot of the host and that nova-compute's user can write to: without it no device is given away. The default is below Nova's
``state_path``, where nova-compute keeps what it must not lose. Nova's default of that is inside its own installation, which an upgrade may
replace: set ``state_path``, or this.

Example: ``ledger_path = /var/lib/nova/nova_accel/ledger.sqlite``
""",
    ),
]


@dataclass(frozen=True)
class Settings:
    """The options' values, read once at nova-compute's start; the defaults here are the options' own."""

    enabled_drivers: tuple[str, ...]
    nvme_ssd_filters: tuple[str, ...]
    discovery_interval_s: int
    ledger_path: str
    cleaning_record: str
    """Empty: none is kept."""
    pmem_namespaces: tuple[str, ...] = ()
    cleaning_workers: int = 4
    clean_methods: tuple[str, ...] = _CLEAN_METHODS
    clean_verify: str = "whole"
    clean_timeout_s: int = 6 * 3600
    clean_attempts: int = 4
    one_time_use: bool = False
    on_rebuild: str = "clean"
    suspend_with_pmem: bool = False
    ssd_wear_limit: int = 100
    """Percent."""


def register(conf: cfg.ConfigOpts) -> None:
    """Make the options known to ``conf``; a second call changes nothing."""
    conf.register_group(GROUP)
    conf.register_opts(OPTIONS, group=GROUP)


def read(conf: cfg.ConfigOpts) -> Settings:
    """Read the values of the registered options.

    :raises ConfigurationError: for the first that oslo.config refuses
    """
    for option in OPTIONS:
        _refuse_unless_valid(conf, option)
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


def written(conf: cfg.ConfigOpts) -> dict[str, list[str]]:
    """What stands below ``[nova_accel]`` in the files, by option, each value in the order in which it is read."""
    sections: dict[str, dict[str, list[str]]] = {}
    in_folders = [str(path) for folder in conf.config_dir or () for path in sorted(Path(folder).glob("*.conf"))]
    for path in (*(conf.config_file or ()), *in_folders):
        cfg.ConfigParser(path, sections).parse()
    # oslo.config takes a section for the same in capitals too.
    ours = [options for name, options in sections.items() if name.lower() == GROUP.name]
    return {name: values for options in ours for name, values in options.items()}


def _refuse_unless_valid(conf: cfg.ConfigOpts, option: cfg.Opt) -> None:
    # oslo.config looks at a value only when it is asked for, and its sentence has not got the value.
    try:
        conf[GROUP.name][option.dest]
    except cfg.Error as error:
        raise ConfigurationError(option.dest, _as_written(conf, option), _expected(option, error)) from error


def _as_written(conf: cfg.ConfigOpts, option: cfg.Opt) -> str:
    """The environment goes before the files, and of these the last one counts; without either it is the default."""
    in_environment = os.environ.get(f"OS_{GROUP.name}__{option.dest}".upper())
    if in_environment is not None:
        return in_environment
    values = written(conf).get(option.dest) or [str(option.default)]
    return ", ".join(values) if option.multi else values[-1]


def _expected(option: cfg.Opt, error: cfg.Error) -> str:
    if not isinstance(error, ValueError):  # such as a name after $ that is no option
        return str(error)
    if isinstance(option.type, types.Boolean):
        return "it needs true or false"
    if isinstance(option.type, types.Number):
        return f"it needs {_number(option.type)}"
    choices = getattr(option.type, "choices", None)
    return f"it needs one of {', '.join(choices)}" if choices else str(error)


def _number(kind: types.Number) -> str:
    words = "a whole number" if isinstance(kind, types.Integer) else "a number"
    if kind.min is not None and kind.max is not None:
        return f"{words} from {kind.min} to {kind.max}"
    if kind.min is not None:
        return f"{words} of {kind.min} or more"
    return words if kind.max is None else f"{words} of {kind.max} or less"


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """For the entry point ``oslo.config.opts``: what the sample generator shows."""
    return [(GROUP, OPTIONS)]
