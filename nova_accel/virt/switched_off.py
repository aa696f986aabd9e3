"""What is left to do where no driver is enabled: nobody looks at the devices then, so none counts as clean once one is enabled again."""

from pathlib import Path

from oslo_log import log as logging

from nova_accel.exception import AccelError
from nova_accel.host import Host
from nova_accel.ledger.store import Ledger
from nova_accel.virt.inventory import Inventory

LOG = logging.getLogger(__name__)


def note(host: Host, ledger_path: str) -> None:
    """Have the ledger forget where the devices are, but for SSDs that may be on vfio-pci because of us.

    What it calls available and does not know the place of is read before it is offered. Where there is no ledger none is made, and
    nova-compute starts whatever becomes of this.
    """
    try:
        if Path(ledger_path).exists():
            Inventory(host, (), Ledger(ledger_path)).refresh()
    except AccelError as error:
        LOG.error(
            "Set the ledger aside before you enable a driver again, it does not know that there was none: %s", error
        )
    except Exception:
        LOG.exception("Set the ledger aside before you enable a driver again, it does not know that there was none")
