"""Puts together what cleaning takes, from the operator's options."""

from importlib import metadata

from nova_accel.cleaning.cleaner import Cleaner
from nova_accel.cleaning.eraser import Eraser
from nova_accel.cleaning.pmem import NamespaceEraser
from nova_accel.cleaning.policy import Policy
from nova_accel.cleaning.record import RecordFile
from nova_accel.cleaning.ssd import SsdEraser
from nova_accel.conf import Settings
from nova_accel.host import Host
from nova_accel.ledger.store import Ledger
from nova_accel.model import HandleKind


def cleaner(settings: Settings, host: Host, ledger: Ledger) -> Cleaner:
    """Make the cleaner that the options ask for.

    :raises nova_accel.exception.ConfigurationError: when an option cannot be right
    """
    erasers: dict[HandleKind, Eraser] = {
        HandleKind.PCI: SsdEraser(host, settings.clean_methods, settings.clean_verify),
        HandleKind.NVDIMM: NamespaceEraser(host, settings.clean_verify),
    }
    policy = Policy(
        attempts=settings.clean_attempts,
        timeout_s=float(settings.clean_timeout_s),
        one_time_use=settings.one_time_use,
        erase=settings.clean_methods != ("none",),
        version=metadata.version("nova_accel"),
    )
    return Cleaner(erasers, ledger, policy, RecordFile(settings.cleaning_record))
