"""Reads nova.conf as nova-compute does, without importing Nova."""

import importlib.util
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oslo_config import cfg

from nova_accel import conf as ours
from nova_accel.conf import Settings
from nova_accel.exception import AccelError
from nova_accel.privsep import acting_pctxt, reading_pctxt

CONTEXTS = (reading_pctxt, acting_pctxt)


class UnreadableConfiguration(AccelError):
    """nova.conf cannot be read, so nothing is known."""


@dataclass(frozen=True)
class Configured:
    """What nova.conf says, as far as the commands are concerned."""

    files: tuple[str, ...]
    settings: Settings
    compute_driver: str | None
    device_specs: tuple[str, ...]
    """``[pci] device_spec``"""
    nova_pmem_namespaces: tuple[str, ...]
    """``[libvirt] pmem_namespaces``"""
    libvirt_uri: str
    root_helper: tuple[str, ...]
    """What nova-compute puts before ``privsep-helper`` where no ``helper_command`` is set."""
    helper_commands: Mapping[str, tuple[str, ...]]
    """How a privsep daemon is started, by the Python path of its context, without what oslo.privsep appends."""
    written: frozenset[str]
    """Names of the options that stand below ``[nova_accel]`` in the files."""


def read(conf: cfg.ConfigOpts, files: Sequence[str] = (), folders: Sequence[str] = ()) -> Configured:
    """Parse the files given, or those that nova-compute would find by itself.

    :raises UnreadableConfiguration: when one is not there or cannot be parsed
    :raises nova_accel.exception.ConfigurationError: when an option of ours cannot be right
    """
    _register(conf)
    args = [word for path in files for word in ("--config-file", path)]
    args += [word for path in folders for word in ("--config-dir", path)]
    try:
        conf(args, project="nova", prog="nova-compute")
        return _configured(conf)
    except (cfg.Error, ValueError) as error:
        raise UnreadableConfiguration(f"the configuration cannot be read: {error}") from error
    except SystemExit as error:  # argparse's way to refuse a value
        raise UnreadableConfiguration("the configuration cannot be read") from error


def _register(conf: cfg.ConfigOpts) -> None:
    ours.register(conf)
    for group, options in _of_others().items():
        for option in options:
            try:
                conf.register_opt(option, group=group)
            except cfg.DuplicateOptError:  # Nova or oslo.privsep has registered it, with a help of its own
                continue


def _of_others() -> dict[str | None, list[cfg.Opt]]:
    """The options of Nova's and oslo.privsep's that matter here, with their defaults."""
    return {
        None: [
            cfg.StrOpt("pybasedir", default=str(_site_packages())),
            cfg.StrOpt("state_path", default="$pybasedir"),
            cfg.StrOpt("compute_driver"),
            cfg.StrOpt("rootwrap_config", default="/etc/nova/rootwrap.conf"),
        ],
        "workarounds": [cfg.BoolOpt("disable_rootwrap", default=False)],
        "pci": [cfg.MultiStrOpt("device_spec", default=[], deprecated_name="passthrough_whitelist")],
        "libvirt": [
            cfg.ListOpt("pmem_namespaces", default=[]),
            cfg.StrOpt("connection_uri", default=""),
            cfg.StrOpt("virt_type", default="kvm"),
        ],
        **{context.cfg_section: [cfg.StrOpt("helper_command")] for context in CONTEXTS},
    }


def _site_packages() -> Path:
    """The folder that Nova's package lies in; only its finder is asked."""
    spec = importlib.util.find_spec("nova")
    locations = list(spec.submodule_search_locations or ()) if spec else []
    return Path(locations[0]).parent if locations else Path(__file__).parents[2]


def _configured(conf: cfg.ConfigOpts) -> Configured:
    uri = "qemu:///session" if conf.libvirt.virt_type == "qemu_session" else "qemu:///system"
    return Configured(
        files=tuple(conf.config_file or ()),
        settings=ours.read(conf),
        compute_driver=conf.compute_driver,
        device_specs=tuple(conf.pci.device_spec),
        nova_pmem_namespaces=tuple(conf.libvirt.pmem_namespaces),
        libvirt_uri=conf.libvirt.connection_uri or uri,
        root_helper=_root_helper(conf),
        helper_commands={str(context.pypath): _helper_command(conf, context.cfg_section) for context in CONTEXTS},
        written=frozenset(ours.written(conf)),
    )


def _root_helper(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    return ("sudo",) if conf.workarounds.disable_rootwrap else ("sudo", "nova-rootwrap", conf.rootwrap_config)


def _helper_command(conf: cfg.ConfigOpts, section: str) -> tuple[str, ...]:
    given = conf[section].helper_command
    if given:
        return tuple(shlex.split(given))
    files = [word for path in conf.config_file or () for word in ("--config-file", path)]
    folders = [word for path in conf.config_dir or () for word in ("--config-dir", path)]
    return (*_root_helper(conf), "privsep-helper", *files, *folders)
