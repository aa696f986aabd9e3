"""What libvirt saved of a guest: starting it writes the saved persistent memory over whatever lies at the path in *its* XML."""

from collections.abc import Iterable
from typing import Any

from oslo_log import log as logging

from nova_accel.exception import AccelError
from nova_accel.virt import nova_private
from nova_accel.xml import domain
from nova_accel.xml.memory import NvdimmMemory

LOG = logging.getLogger(__name__)


class SavedImageUnreadable(AccelError):
    """libvirt did not let the XML of a saved guest be read or written, so nobody knows what starting it writes to."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(f"what libvirt saved of server {server} cannot be looked at: {reason}")
        self.server = server
        self.reason = reason


def corrected(guest: Any, server: str, meant: Iterable[NvdimmMemory]) -> str | None:
    """The XML that libvirt starts a saved guest from, with its persistent memory where that is now; None when nothing is saved.

    It is not the domain's definition. Whether it has the right memory is for the caller to check: only paths are changed here.

    :param meant: the server's persistent memory as it is now
    :raises SavedImageUnreadable: when libvirt cannot read or write it
    """
    try:
        saved = nova_private.saved_xml(guest)
        if saved is None:
            return None
        wanted = domain.renewed(saved, meant)
        if wanted == saved:
            return saved
        nova_private.change_saved_xml(guest, wanted)
        LOG.info("What libvirt saved of server %s names its persistent memory by the paths of now", server)
        return nova_private.saved_xml(guest)
    except Exception as error:  # libvirt's, of any sort
        raise SavedImageUnreadable(server, str(error)) from error
