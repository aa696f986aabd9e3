"""How servers are suspended, resumed, rescued and brought back from that."""

from hypothesis import strategies as st
from hypothesis.stateful import rule
from lxml import etree

from nova_accel.exception import AccelError
from nova_accel.xml.hostdev import PciHostdev
from tests.fakes.host import FakeSsd
from tests.unit.laws import hardware
from tests.unit.laws.base import any_server, is_up, mostly, which
from tests.unit.laws.moves import Moves


class Sleep(Moves):
    """SSDs leave a guest before it is saved and come back after it runs again; persistent memory is saved with it and written back."""

    def _may_be_suspended(self, one):
        return one.is_idle_here and one.vm_state == "active" and self._runs(one)

    @is_up
    @any_server(_may_be_suspended)
    @rule(number=which, leave=st.sampled_from([0, 1, 2, 2, 2]), noted=mostly, resumes=st.booleans())
    def user_suspends(self, number, leave, noted, resumes):
        """nova-compute may be killed when only some have left, or after the guest is saved and before Nova notes that."""
        server = self.server(number, Sleep._may_be_suspended)
        server.task_state = "suspending"
        ssds = [one for one in self.world.domains[server.uuid].devices.values() if isinstance(one, FakeSsd)]
        for ssd in ssds[:leave]:
            self._leaves(server, ssd)
        all_left = leave >= len(ssds)
        if all_left:
            self._is_saved(server)
        if not (all_left and noted):
            self.world.stop()
            return
        server.vm_state, server.task_state = "suspended", None
        if resumes:
            self._resume(server, 2)

    def _leaves(self, server, ssd):
        domain = self.world.domains[server.uuid]
        root = etree.fromstring(domain.xml)
        for element in root.findall("devices/hostdev"):
            if str(PciHostdev.from_element(element).address) == ssd.address:
                element.getparent().remove(element)
        domain.xml = etree.tostring(root).decode()
        del domain.devices[ssd.serial]
        domain.opened.remove(ssd)
        ssd.vfio_user = False

    def _is_saved(self, server):
        domain = self.world.domains[server.uuid]
        domain.saved = {identity: dict(one.content) for identity, one in domain.devices.items()}
        self.world.end_guest(server.uuid)

    def _is_suspended(self, one):
        return one.is_idle_here and one.vm_state == "suspended" and one.uuid in self.world.domains

    @is_up
    @any_server(_is_suspended)
    @rule(number=which, enter=st.sampled_from([0, 1, 2, 2, 2]))
    def user_resumes(self, number, enter):
        """nova-compute may be killed when only some have come back."""
        server = self.server(number, Sleep._is_suspended)
        self._resume(server, enter)

    def _resume(self, server, enter):
        domain = self.world.domains[server.uuid]
        if domain.saved is None:  # what was saved went with another start
            return
        server.task_state = "resuming"
        with self.world.may_be_killed():
            self._wake(server, domain, enter)

    def _wake(self, server, domain, enter):
        try:
            self.world.up.guests.prepare(server.handles, server.uuid, domain.xml, later=True)
            elements = self.world.up.guests.elements_of(PciHostdev, server.handles, server.uuid)
        except AccelError as error:
            self.refused(error)
            server.task_state = None
            return
        self._runs_again(server, domain)
        for element in elements[:enter]:
            self._enters(server, element)
        if enter >= len(elements):
            server.vm_state, server.task_state = "active", None
        else:
            self.world.stop()

    def _runs_again(self, server, domain):
        found = [hardware.device_at(self.world.fake, place) for place in domain.places]
        assert {hardware.identity_of(one) for one in found} == domain.saved.keys(), f"{server.uuid} gets another's"
        for device in found:
            self.world.check_given(server, device)
            memory = domain.saved[hardware.identity_of(device)]
            device.content = dict(memory)
            if memory:
                self.world.write(server.uuid, device, memory)
        self.world.take(domain, server, found)
        domain.saved = None

    def _enters(self, server, element):
        domain = self.world.domains[server.uuid]
        device = hardware.device_at(self.world.fake, str(element.address))
        assert hardware.identity_of(device) in {one.identity for one in server.handles}
        self.world.check_given(server, device)
        root = etree.fromstring(domain.xml)
        root.find("devices").append(element.to_element())
        domain.xml = etree.tostring(root).decode()
        self.world.take(domain, server, [*domain.devices.values(), device])

    @any_server(lambda self, one: not one.deleted and one.task_state in ("suspending", "resuming"))
    @rule(number=which)
    def operator_resets_the_state(self, number):
        server = self.server(number, lambda self, one: not one.deleted and one.task_state in ("suspending", "resuming"))
        server.vm_state, server.task_state = "active", None

    @is_up
    @any_server(lambda self, one: one.is_idle_here and one.vm_state == "active" and self._runs(one))
    @rule(number=which)
    def user_rescues(self, number):
        server = self.server(
            number, lambda self, one: one.is_idle_here and one.vm_state == "active" and self._runs(one)
        )
        stored = self.world.domains[server.uuid].xml
        self._start_again(server)
        if server.vm_state == "active":
            server.vm_state, server.unrescue_xml = "rescued", stored

    @is_up
    @any_server(lambda self, one: one.is_idle_here and one.vm_state == "rescued")
    @rule(number=which)
    def user_unrescues(self, number):
        """From XML that was stored when it was rescued, whatever happened to the host since."""
        server = self.server(number, lambda self, one: one.is_idle_here and one.vm_state == "rescued")
        self.world.undefine(server.uuid)
        with self.world.may_be_killed():
            try:
                self.world.run_guest(server, server.unrescue_xml)
                server.vm_state = "active"
            except AccelError as error:
                self.refused(error)
