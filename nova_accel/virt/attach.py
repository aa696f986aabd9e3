"""How a handle of one kind gets into a guest."""

from typing import Protocol

from nova_accel.discovery.candidate import Candidate
from nova_accel.xml.hostdev import PciHostdev
from nova_accel.xml.memory import NvdimmMemory

Element = PciHostdev | NvdimmMemory


class Attacher(Protocol):
    """Makes a guest's element of a handle and readies the device for it; each step can be repeated."""

    def place(self, candidate: Candidate) -> str:
        """What names the device in a domain's XML: a PCI address, or a path."""

    def other_places(self, candidate: Candidate) -> tuple[str, ...]:
        """What else may name it in XML that was stored by an earlier version, or not made by us."""

    def element(self, candidate: Candidate, server: str) -> Element:
        """The element, with the address that the device has now.

        :raises nova_accel.exception.HandleUnavailable: when there can be none
        """

    def take(self, candidate: Candidate, server: str, *, fresh: bool, running: bool) -> None:
        """Check that the device is the one meant and that nobody has it, and ready it for a guest.

        :param fresh: whether the server did not have it before
        :param running: whether the server's own guest may still have it, because it is only restarted
        :raises nova_accel.exception.AccelError: when the guest must not start
        """

    def undo(self, candidate: Candidate) -> None:
        """Take back what :meth:`take` did to a device that never reached a guest.

        :raises nova_accel.exception.AccelError: when that is not possible
        """

    def is_as_before(self, candidate: Candidate) -> bool:
        """Whether :meth:`take`, which failed, has left the device where it was."""
