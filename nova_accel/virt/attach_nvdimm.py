"""Hands PMEM namespaces to guests as NVDIMMs. There is nothing to bind: QEMU maps the dax device."""

from nova_accel.discovery.candidate import Candidate
from nova_accel.exception import HandleUnavailable
from nova_accel.facts import links, pmem
from nova_accel.host import Host
from nova_accel.privsep.links import path_of
from nova_accel.xml.alias import alias_for
from nova_accel.xml.memory import NvdimmMemory


class NvdimmAttacher:
    """See :class:`nova_accel.virt.attach.Attacher`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def place(self, candidate: Candidate) -> str:
        """Its stable path, which is right wherever the kernel has put the namespace."""
        return path_of(candidate.identity or "absent")

    def other_places(self, candidate: Candidate) -> tuple[str, ...]:
        """The path of its dax device now."""
        chardev = candidate.details.get("dax_device")
        return (f"/dev/{chardev}",) if chardev else ()

    def element(self, candidate: Candidate, server: str) -> NvdimmMemory:
        """``<memory model='nvdimm'>`` for all of it."""
        handle = candidate.handle
        if handle is None or handle.size_bytes is None or handle.align_bytes is None:
            raise HandleUnavailable(candidate.address, server, "neither its size nor its alignment is known")
        try:
            return NvdimmMemory.for_dax(
                self.place(candidate), handle.size_bytes, handle.align_bytes, alias_for(handle.id.identity)
            )
        except ValueError as error:
            raise HandleUnavailable(handle.id.identity, server, str(error)) from error

    def take(self, candidate: Candidate, server: str, *, fresh: bool, running: bool) -> None:
        """Let its stable path lead to it, and check on root's side that it is the one meant and that nothing has it open or mapped."""
        identity = candidate.identity or candidate.address
        chardev = candidate.details.get("dax_device")
        if pmem.incarnation(self._host.roots, candidate.address, chardev) != candidate.incarnation:
            raise HandleUnavailable(
                identity, server, f"{candidate.address} was disabled or made anew since it was last looked at"
            )
        link = self._host.link_namespace(candidate.address, identity)
        if running:  # its own guest has it mapped, so only the identity can be asked
            self._host.namespace_size(candidate.address, identity)
            path = f"/dev/{chardev}"
        else:
            path = self._host.check_namespace(candidate.address, identity)
        if (path,) != self.other_places(candidate):
            raise HandleUnavailable(identity, server, f"it is {path} now, and no longer /dev/{chardev}")
        if link != self.place(candidate) or links.led_to(self._host.roots, identity) != chardev:
            raise HandleUnavailable(identity, server, f"{self.place(candidate)} does not lead to {path}")

    def undo(self, candidate: Candidate) -> None:
        """Nothing was done to it; its stable path stays, and leads to nothing else."""

    def is_as_before(self, candidate: Candidate) -> bool:
        """Always: nothing is done to it."""
        return True
