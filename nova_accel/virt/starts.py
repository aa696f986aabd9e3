"""What has to be so, and to be done, before a guest starts: the devices that Nova claimed for its server, in its XML and ready."""

import contextlib
from collections.abc import Iterator
from typing import Any

from oslo_log import log as logging

from nova_accel.exception import HandleUnavailable
from nova_accel.model import HandleId
from nova_accel.virt import claimed, guest_config, nova_database, save_image, suspend
from nova_accel.virt.service import AccelService
from nova_accel.xml import domain
from nova_accel.xml.hostdev import PciHostdev
from nova_accel.xml.memory import NvdimmMemory

LOG = logging.getLogger(__name__)


class Starts:
    """The starts of guests on one host. Whatever it raises of ours is an :class:`AccelError`, for the driver to tell Nova."""

    def __init__(self, driver: Any, accel: AccelService) -> None:
        """Know of no start yet.

        :param driver: Nova's libvirt driver
        """
        self._driver = driver
        self._accel = accel
        self._without_devices: set[str] = set()
        """Servers whose guest is about to start from what was saved of it, without their PCI devices."""

    def handles(self, instance: Any) -> list[HandleId]:
        """What Nova claimed for a server, in the order of its flavor.

        :raises AccelError: when that is not what the flavor asks for
        """
        return claimed.handles(instance, self._driver._get_resources(instance), self._accel.resource_classes)

    def add_devices(self, instance: Any, guest: Any) -> None:
        """Put a server's devices into the configuration that Nova has made for its guest.

        :raises AccelError: when one is not there
        """
        found = self._accel.guests.elements(self.handles(instance), instance.uuid)
        nvdimms = [(handle, element) for handle, element in found if isinstance(element, NvdimmMemory)]
        for _, element in found:
            if isinstance(element, PciHostdev):
                guest_config.add_hostdev(guest, element)
        guest_config.add_nvdimms(
            guest, [element for _, element in nvdimms], [handle.numa_node for handle, _ in nvdimms]
        )

    def renewed(self, instance: Any, xml: str) -> str:
        """XML that may have been stored long ago, as that of a rescued server, with its devices where they are now.

        :raises AccelError: when one is not there
        """
        found = self._accel.guests.elements(self.handles(instance), instance.uuid)
        renewed = domain.renewed(xml, [element for _, element in found])
        if renewed != xml:
            LOG.info(
                "Server %s is started from stored XML, in which its devices have their addresses of now", instance.uuid
            )
        return renewed

    def prepare(self, instance: Any, xml: str, *, running: bool = False) -> None:
        """Do what must be done right before a guest starts from this XML, or from what was saved of it.

        :param running: whether the guest still runs, to be restarted in place
        :raises AccelError: when it must not start
        """
        handles, server = self.handles(instance), instance.uuid
        later = server in self._without_devices
        if later:
            saved = save_image.corrected(
                self._driver._host.get_guest(instance),
                server,
                self._accel.guests.elements_of(NvdimmMemory, handles, server),
            )
            xml = saved or xml
        self._accel.guests.prepare(handles, server, xml, running=running, later=later)

    @contextlib.contextmanager
    def without_devices(self, instance: Any) -> Iterator[None]:
        """A guest that is started meanwhile gets its PCI devices only once it runs: it was saved without them."""
        self._without_devices.add(instance.uuid)
        try:
            yield
        finally:
            self._without_devices.discard(instance.uuid)

    def give_back(self, instance: Any, guest: Any) -> None:
        """Give a guest its PCI devices that was started without them.

        :raises AccelError: when one could not be given
        """
        elements = self._accel.guests.elements_of(PciHostdev, self.handles(instance), instance.uuid)
        suspend.attach_all(self._driver, guest, instance.uuid, elements, self._accel.save_room)

    def foresee(self, instance: Any) -> None:
        """Find out, while a server still has its guest, whether that could be started again.

        :raises AccelError: why not
        """
        self._accel.guests.foresee(self.handles(instance), instance.uuid)

    def foresee_rebuild(self, instance: Any) -> None:
        """Find out, while a server still has its guest and its disk, whether it can be rebuilt.

        :raises AccelError: why not
        """
        self._accel.rebuilds.note(instance.uuid)
        has = self._foreseen_without_move(instance) if nova_database.move_concerns_us(instance) else None
        if has is not None:
            # Of a move that failed before it began: Nova would start the server with what that was to get, and keep that.
            nova_database.forget_move(instance)
        else:
            has = self.handles(instance)
            self._accel.guests.foresee(has, instance.uuid)
        self._accel.rebuilds.refuse_if_impossible(has, instance.uuid)

    def prepare_rebuild(self, instance: Any) -> None:
        """Erase what a server keeps that is being rebuilt, unless the operator wants it kept.

        :raises AccelError: when it could not be proven clean
        """
        self._accel.rebuilds.erase(self.handles(instance), instance.uuid)

    def _foreseen_without_move(self, instance: Any) -> list[HandleId] | None:
        """What a server has whatever a move says of after, if it could be started with that."""
        resources = nova_database.resources_by_database(instance)
        try:
            has = claimed.handles(instance, resources, self._accel.resource_classes)
            self._accel.guests.foresee(has, instance.uuid)
        except HandleUnavailable:
            return None
        return has
