"""What happens to the host and its devices without Nova."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from nova_accel.ledger.states import State
from tests.fakes.host import FakeSsd
from tests.fakes.pmem import FakeNamespace
from tests.unit.laws import hardware
from tests.unit.laws.base import Base, mostly, which
from tests.unit.laws.world import FOREIGN, HOST, HOSTS_OWN

SLOTS = ("0000:01:00.0", "0000:02:00.0", "0000:03:00.0")
NAMES = ("ns0", "ns1", "ns2", "unknown")


class Ground(Base):
    """The host uses, loses and gets devices, and reboots."""

    def _nobody_has(self, ssd):
        """Whether an operator would think that it is free: nothing on it, no server's, not waiting for anything."""
        return self._is_unused(ssd) and hardware.is_zero(ssd) and ssd.bound_to == "nvme"

    def _is_unused(self, ssd):
        entry = self.world.entries().get(ssd.serial)
        wanted = {one.identity for server in self.world.nova.servers.values() for one in server.counted()}
        unused = entry is None or entry.state is State.AVAILABLE or (entry.state is State.DIRTY and not entry.released)
        return unused and ssd.serial not in wanted and not self.world.must_be_kept(ssd.serial)

    @rule(number=which, what=st.sampled_from(["mounts", "unmounts", "wipes"]))
    def host_uses_an_ssd(self, number, what):
        {"mounts": self._mount, "unmounts": self._unmount, "wipes": self._wipe}[what](number)

    def _mount(self, number):
        ssds = [one for one in self.world.fake.ssds.values() if not one.mounted_at and self._nobody_has(one)]
        ssd = self.choose(number, ssds)
        if ssd is None:
            return
        self.world.write(HOST, ssd, {0: b"a file system"})
        self.world.permitted.discard(ssd.serial)
        ssd.signatures = ("ext4",)
        self.world.fake.mount(ssd.address, "/mnt")
        self.world.changed(ssd.serial)

    def _unmount(self, number):
        ssds = [one for one in self.world.fake.ssds.values() if one.mounted_at and one.address != HOSTS_OWN]
        ssd = self.choose(number, ssds)
        if ssd is not None:
            self.world.fake.mount(ssd.address, "")

    def _wipe(self, number):
        ssds = [one for one in self.world.fake.ssds.values() if self._is_hosts(one) and not one.mounted_at]
        ssd = self.choose(number, ssds)
        if ssd is not None:
            ssd.content.clear()
            ssd.signatures = ()
            self.world.written.pop(ssd.serial, None)

    def _is_hosts(self, ssd):
        written = self.world.written.get(ssd.serial)
        return written is not None and written.owner == HOST and ssd.bound_to == "nvme"

    @rule(
        number=which,
        what=st.sampled_from(["out", "out and back", "out, written to and back", "in", "bought"]),
        slot=which,
    )
    def ssds_are_moved(self, number, what, slot):
        if what.startswith("out"):
            self._take_out(number, written_to="written" in what)
        if what.startswith("out and") or "back" in what or what == "in":
            self._put_in(number if what == "in" else -1, slot)
        if what == "bought":
            self._buy()

    def _take_out(self, number, written_to):
        ssds = [one for one in self.world.fake.ssds.values() if not one.mounted_at]
        ssd = self.choose(number, ssds)
        if ssd is None:
            return
        self.world.fake.unplug(ssd.address)
        self.spares.append(ssd)
        for domain in self.world.domains.values():
            domain.devices.pop(ssd.serial, None)
        if written_to and self.world.looked_since_boot and self._is_unused(ssd):
            self.world.write(FOREIGN, ssd, {4096: self.nonce()})
            self.world.permitted.discard(ssd.serial)
            self.unseen_change = True
        self.world.changed(ssd.serial)

    def _put_in(self, number, slot):
        free = [one for one in SLOTS if one not in self.world.fake.ssds]
        if not free or not self.spares:
            return
        ssd = self.spares.pop(number % len(self.spares))
        ssd.address = self.choose(slot, free)
        hardware.insert(self.world.fake, ssd)
        self.world.changed(ssd.serial)

    def _buy(self):
        if "SNX" in {one.serial for one in self.spares} | self.world.devices().keys():
            return
        ssd = FakeSsd("", "SNX")
        self.world.write(FOREIGN, ssd, {4096: b"from a shop"})
        self.spares.append(ssd)

    @rule(number=which, what=st.sampled_from(["disable or enable", "make anew", *NAMES]))
    def namespaces_are_changed(self, number, what):
        if what == "disable or enable":
            self._disable_or_enable(number)
        elif what == "make anew":
            self._make_anew(number)
        else:
            self._rename(number, what)

    def _rename(self, number, name):
        namespace = self.choose(number, sorted(self.world.fake.pmem.namespaces.values(), key=lambda one: one.uuid))
        namespace.name = name
        self.world.changed(namespace.uuid)

    def _disable_or_enable(self, number):
        namespace = self.choose(number, sorted(self.world.fake.pmem.namespaces.values(), key=lambda one: one.uuid))
        self.world.fake.pmem.enable(namespace.dev, not namespace.enabled)
        for domain in self.world.domains.values():
            domain.devices.pop(namespace.uuid, None)
        self.world.changed(namespace.uuid)

    def _make_anew(self, number):
        namespaces = sorted(self.world.fake.pmem.namespaces.values(), key=lambda one: one.uuid)
        namespace = self.choose(number, [one for one in namespaces if not self.world.in_a_guest(one.uuid)])
        if namespace is None:
            return
        self.world.fake.pmem.destroy(namespace.dev)
        self.world.written.pop(namespace.uuid, None)
        self.nonces += 1
        uuid = f"00000000-0000-4000-8000-{self.nonces:012}"
        made = self.world.fake.pmem.create(FakeNamespace(namespace.dev, namespace.name, uuid))
        self.world.write(FOREIGN, made, {64: b"what was in the memory before"})
        self.world.changed(made.uuid)
        self.world.changed(namespace.uuid)

    @precondition(lambda self: not self.unseen_change)
    @rule(swap_ssds=st.booleans(), swap_namespaces=st.booleans(), starts_again=mostly)
    def host_reboots(self, swap_ssds, swap_namespaces, starts_again):
        self.world.stop()
        for uuid in self.world.domains:
            self.world.end_guest(uuid)
        moved = {SLOTS[0]: SLOTS[1], SLOTS[1]: SLOTS[0]} if swap_ssds else {}
        if swap_namespaces:
            moved |= {"namespace0.0": "namespace0.1", "namespace0.1": "namespace0.0"}
        self.boots += 1
        self.world.looked_since_boot = False
        hardware.reboot(self.world.fake, f"8f1c7a6e-0000-4000-8000-{self.boots:012}", moved)
        for identity in self.world.devices():
            self.world.changed(identity)
        if starts_again:
            self.nova_compute_starts()
