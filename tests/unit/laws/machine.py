"""Everything that can happen to one compute host, for hypothesis' stateful testing, and what has to hold all the time and in the end."""

import sys

from hypothesis.stateful import invariant

from nova_accel.ledger.states import State
from tests.unit.laws import hardware
from tests.unit.laws.compute import Compute
from tests.unit.laws.laws import LAWS, offered
from tests.unit.laws.world import HOSTS_OWN


class Host(Compute):
    """One host, from its first start until everything has been healed."""

    @invariant()
    def laws(self):
        self.world.note_look()
        if not self.world.stale:
            self.unseen_change = False
        entries = self.world.entries()
        for law in LAWS:
            law(self.world, entries)

    def teardown(self):
        try:
            if sys.exc_info()[0] is None:
                self.heal()
        finally:
            self.world.close()
            self.folder.cleanup()

    # nothing is lost for good

    def heal(self):
        """Delete every server, put everything right, and see that every handle is offered in the end."""
        world = self.world
        self._put_right()
        if world.service is None:
            self.nova_compute_starts()
        for server in world.nova.servers.values():
            if not server.deleted:
                self._finish_deletion(server)
            server.lets_go(self._noted_for(server))
            world.undefine(server.uuid)
        for uuid in list(world.domains):
            world.undefine(uuid)
        world.settle()
        self._hand_back()
        world.settle()
        self._clean_by_hand()
        world.audit()
        self.laws()
        expected = {hardware.identity_of(one) for one in world.devices().values()} - {"OWN"}
        found = {handle.identity for handle in offered(world)}
        reasons = {name: (one.state.value, one.reason) for name, one in world.entries().items() if name not in found}
        assert found == expected, f"lost for good: {expected - found}: {reasons}"
        assert all(hardware.is_zero(one) for one in world.devices().values() if hardware.identity_of(one) in expected)

    def _put_right(self):
        """No tool fails, the host uses nothing, every namespace is what the configuration says."""
        world = self.world
        world.host.armed.clear()
        world.host.meanwhile.clear()
        world.libvirt_is_gone = False
        for ssd in [one for one in world.fake.ssds.values() if one.address != HOSTS_OWN]:
            world.fake.mount(ssd.address, "")
        for number, namespace in enumerate(world.fake.pmem.namespaces.values()):
            namespace.name = f"ns{number}"
            if not namespace.enabled:
                world.fake.pmem.enable(namespace.dev)
                world.changed(namespace.uuid)

    def _hand_back(self):
        """What is on vfio-pci and nobody knows any more which one it is, an operator gives back to the kernel."""
        world = self.world
        shown = {one.address: one.identity for one in world.up.inventory.snapshot.candidates}
        for ssd in world.fake.ssds.values():
            if ssd.bound_to == "vfio-pci" and (shown[ssd.address] is None or ssd.serial not in world.entries()):
                world.fake.bring_back(ssd.address)
                world.fake.settle(ssd.address)

    def _clean_by_hand(self):
        world = self.world
        for identity, entry in world.entries().items():
            world.ledger.operator.undrain(identity)
            if entry.state is not State.AVAILABLE and identity in world.devices():
                world.ledger.operator.ask_for_cleaning(identity, erase_foreign_data=True)
                world.permitted.add(identity)
        world.settle()
