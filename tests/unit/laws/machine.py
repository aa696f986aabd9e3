"""Everything that can happen to one compute host, as rules for hypothesis' stateful testing."""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from hypothesis import currently_in_test_context, note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nova_accel.exception import AccelError
from nova_accel.ledger.states import State
from nova_accel.model import HandleId
from tests.fakes.host import FakeSsd
from tests.fakes.pmem import FakeNamespace
from tests.unit.laws import hardware
from tests.unit.laws.laws import LAWS, offered
from tests.unit.laws.model import HERE, THERE, Migration, Server
from tests.unit.laws.world import FOREIGN, HOST, HOSTS_OWN, PMEM, SSD, World

T = TypeVar("T")

SLOTS = ("0000:01:00.0", "0000:02:00.0", "0000:03:00.0")
ELSEWHERE = HandleId(SSD, "on another host")
NAMES = ("ns0", "ns1", "ns2", "unknown")

troubles = st.one_of(
    st.tuples(st.sampled_from(hardware.CALLS), st.sampled_from(["fail", "kill before", "kill after"])),
    st.tuples(st.sampled_from(hardware.ERASING), st.sampled_from(["lie", "fail", "hang", "kill after"])),
    st.just(("libvirt", "gone")),
)
wishes = st.sampled_from([(SSD,), (PMEM,), (SSD, PMEM), (SSD, SSD), (PMEM, PMEM)])
mostly = st.sampled_from([True, True, True, False])
which = st.integers(0, 5)
is_up = precondition(lambda self: self.world.service is not None)
is_down = precondition(lambda self: self.world.service is None)


def any_server(condition):
    """A rule's condition: there is a server for it."""
    return precondition(lambda self: any(condition(self, one) for one in self.world.nova.servers.values()))


class Host(RuleBasedStateMachine):
    """One host, from its first start until everything has been healed."""

    def __init__(self) -> None:
        super().__init__()
        shared_memory = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=shared_memory if shared_memory.is_dir() else None)
        self.world = World(Path(self.folder.name))
        self.spares: list[FakeSsd] = []
        self.boots = 1
        self.nonces = 0
        self.unseen_change = False
        """Whether a device that was out of its slot has been written to since the last look. A reboot would hide that."""

    # what every rule needs

    def choose(self, number: int, some: Sequence[T]) -> T | None:
        return some[number % len(some)] if some else None

    def server(self, number: int, condition) -> Server | None:
        return self.choose(number, [one for one in self.world.nova.servers.values() if condition(self, one)])

    def nonce(self) -> bytes:
        self.nonces += 1
        return b"nonce %d" % self.nonces

    def refused(self, error: AccelError) -> None:
        if currently_in_test_context():
            note(f"refused: {error}")

    def start_guest(self, server: Server) -> bool:
        """Start a guest; one that is refused is in error."""
        try:
            self.world.run_guest(server)
        except AccelError as error:
            self.refused(error)
            return False
        return True

    # servers: birth

    @initialize(first=wishes, second=wishes, writes=st.booleans())
    def there_are_two_servers(self, first, second, writes):
        for wish in (first, second):
            self._build(wish)
        for server in [one for one in self.world.nova.servers.values() if writes and self._runs(one)]:
            self._write(server)

    @is_up
    @rule(wish=wishes)
    def nova_claims(self, wish):
        if len(self.world.nova.servers) >= 6:
            return
        handles = self.world.nova.pop(wish)
        if handles is not None:
            self.world.nova.server(wish).handles = handles

    @is_up
    @rule(wish=wishes)
    def nova_builds_a_server(self, wish):
        self._build(wish)

    def _build(self, wish):
        before = len(self.world.nova.servers)
        self.nova_claims(wish)
        if len(self.world.nova.servers) > before:
            self._spawn(list(self.world.nova.servers.values())[-1], "runs")

    @is_up
    @any_server(lambda self, one: bool(one.handles) and ELSEWHERE not in one.handles)
    @rule(number=which)
    def nova_claims_what_another_server_has(self, number):
        other = self.server(number, lambda self, one: bool(one.handles) and ELSEWHERE not in one.handles)
        if len(self.world.nova.servers) < 6 and other is not None:
            self.world.nova.server(other.classes).handles = other.handles

    def _is_building(self, one):
        return not one.deleted and one.task_state == "spawning" and one.host == HERE

    @is_up
    @any_server(_is_building)
    @rule(number=which, outcome=st.sampled_from(["runs", "runs", "runs", "libvirt fails", "fails after it ran"]))
    def nova_spawns(self, number, outcome):
        self._spawn(self.server(number, Host._is_building), outcome)

    def _spawn(self, server, outcome):
        server.saved = True
        with self.world.may_be_killed():
            started = self.start_guest(server)
            if started and outcome == "fails after it ran":
                self._write(server)
            if started and outcome == "runs":
                server.vm_state, server.task_state = "active", None
                return
            self.world.undefine(server.uuid)
            if started:
                server.lets_go(server.handles)
            self.world.up.release(server.uuid, "Nova could not build it here, and its guest is gone")
            self.world.nova.forget(server.handles)
            server.handles, server.saved = (), False
            server.host, server.vm_state, server.task_state = None, "error", None
            self.world.update()

    @any_server(lambda self, one: not one.deleted and one.host is None and one.vm_state == "error")
    @rule(number=which)
    def nova_builds_it_elsewhere(self, number):
        server = self.server(number, lambda self, one: not one.deleted and one.host is None and one.vm_state == "error")
        server.host, server.vm_state, server.handles, server.saved = THERE, "active", (ELSEWHERE,), True

    # servers: life

    def _runs(self, one):
        return one.uuid in self.world.domains and self.world.domains[one.uuid].running

    @any_server(_runs)
    @rule(number=which)
    def guest_writes(self, number):
        self._write(self.server(number, Host._runs))

    def _write(self, server):
        for device in self.world.domains[server.uuid].devices.values():
            self.world.write(server.uuid, device, {8192: self.nonce()})

    @is_up
    @any_server(lambda self, one: one.is_idle_here and Host._runs(self, one))
    @rule(number=which)
    def user_stops(self, number):
        server = self.server(number, lambda self, one: one.is_idle_here and Host._runs(self, one))
        self.world.end_guest(server.uuid)
        server.vm_state = "stopped"

    @is_up
    @any_server(lambda self, one: one.is_idle_here)
    @rule(number=which)
    def user_starts_or_reboots_hard(self, number):
        server = self.server(number, lambda self, one: one.is_idle_here)
        self.world.undefine(server.uuid)
        server.task_state = "powering-on"
        with self.world.may_be_killed():
            server.vm_state = "active" if self.start_guest(server) else "error"
        server.task_state = None

    @is_up
    @any_server(lambda self, one: one.is_idle_here)
    @rule(number=which)
    def user_rebuilds(self, number):
        server = self.server(number, lambda self, one: one.is_idle_here)
        self.world.undefine(server.uuid)
        server.lets_go(server.handles)
        server.task_state = "rebuild_spawning"
        with self.world.may_be_killed():
            server.vm_state = "active" if self._rebuild(server) else "error"
        server.task_state = None

    def _rebuild(self, server):
        try:
            self.world.up.rebuild(server.handles, server.uuid)
        except AccelError as error:
            self.refused(error)
            return False
        there = self.world.devices()
        entries = self.world.entries()
        names = [one.identity for one in server.handles]
        mine = [name for name in names if name in entries and entries[name].server == server.uuid]
        assert all(hardware.is_zero(there[name]) for name in mine if name in there), "a rebuild left something"
        return self.start_guest(server)

    @is_up
    @any_server(lambda self, one: one.is_idle_here and Host._runs(self, one))
    @rule(number=which)
    def user_reboots_softly(self, number):
        server = self.server(number, lambda self, one: one.is_idle_here and Host._runs(self, one))
        domain = self.world.domains[server.uuid]
        with self.world.may_be_killed():
            try:
                self.world.up.guests.prepare(server.handles, server.uuid, domain.xml, running=True)
            except AccelError as error:
                self.refused(error)
                return
            self.world.end_guest(server.uuid)
            found = self.world._meant(server, domain.xml)
            self.world.take(domain, server, found)

    @is_up
    @any_server(lambda self, one: one.is_idle_here)
    @rule(number=which)
    def user_shelves_and_offloads(self, number):
        server = self.server(number, lambda self, one: one.is_idle_here)
        self.world.undefine(server.uuid)
        server.lets_go(server.handles)
        self.world.nova.forget(server.handles)
        server.handles, server.host, server.vm_state = (), None, "shelved_offloaded"
        self.world.update()

    @is_up
    @any_server(lambda self, one: not one.deleted and one.vm_state == "shelved_offloaded")
    @rule(number=which)
    def user_unshelves(self, number):
        server = self.server(number, lambda self, one: not one.deleted and one.vm_state == "shelved_offloaded")
        handles = self.world.nova.pop(server.classes)
        if handles is None:
            return
        server.handles, server.saved, server.host, server.task_state = handles, True, HERE, "spawning"
        self.nova_spawns_again(server)

    def nova_spawns_again(self, server):
        with self.world.may_be_killed():
            if self.start_guest(server):
                server.vm_state, server.task_state = "active", None
                return
            self.world.nova.forget(server.handles)
            server.handles, server.host, server.task_state = (), None, None

    # servers: moves

    @is_up
    @any_server(lambda self, one: one.is_idle_here)
    @rule(number=which)
    def user_migrates(self, number):
        server = self.server(number, lambda self, one: one.is_idle_here)
        self.world.end_guest(server.uuid)
        server.migrations.append(Migration("migrating", HERE, THERE))
        server.old, server.new = server.handles, (ELSEWHERE,)
        server.task_state = "resize_migrating"

    def _is_leaving(self, one):
        move = one.move
        return not one.deleted and move is not None and move.destination == THERE and move.status == "migrating"

    @any_server(_is_leaving)
    @rule(number=which)
    def migration_arrives(self, number):
        server = self.server(number, Host._is_leaving)
        server.move.status = "finished"
        server.host, server.handles, server.saved = THERE, (ELSEWHERE,), True
        server.vm_state, server.task_state = "resized", None

    @any_server(_is_leaving)
    @rule(number=which, late=st.booleans())
    def migration_fails(self, number, late):
        server = self.server(number, Host._is_leaving)
        server.move.status = "error"
        if late:
            server.host, server.handles, server.vm_state = THERE, (ELSEWHERE,), "error"
        server.old, server.new, server.task_state = (), (), None

    def _has_left(self, one):
        move = one.move
        return not one.deleted and move is not None and move.destination == THERE and move.status == "finished"

    @any_server(_has_left)
    @is_up
    @rule(number=which)
    def migration_is_confirmed(self, number):
        server = self.server(number, Host._has_left)
        self.world.undefine(server.uuid)
        server.lets_go(server.old)
        server.move.status = "confirmed"
        self.world.nova.forget(server.old)
        server.old, server.new, server.vm_state = (), (), "active"
        self.world.update()

    @any_server(_has_left)
    @is_up
    @rule(number=which)
    def migration_is_reverted(self, number):
        server = self.server(number, Host._has_left)
        server.host, server.handles = HERE, server.old
        server.task_state = "resize_reverting"
        self.world.undefine(server.uuid)
        with self.world.may_be_killed():
            server.vm_state = "active" if self.start_guest(server) else "error"
        server.move.status = "reverted"
        server.old, server.new, server.task_state = (), (), None

    @is_up
    @any_server(lambda self, one: one.is_idle_here and not one.old)
    @rule(number=which)
    def user_resizes_on_this_host(self, number):
        server = self.server(number, lambda self, one: one.is_idle_here and not one.old)
        new = self.world.nova.pop(server.classes)
        if new is None:
            return
        server.migrations.append(Migration("migrating", HERE, HERE))
        server.old, server.new, server.task_state = server.handles, new, "resize_finish"
        self.world.undefine(server.uuid)
        server.handles = new
        with self.world.may_be_killed():
            if self.start_guest(server):
                server.move.status, server.vm_state, server.task_state = "finished", "resized", None
                return
        server.move.status, server.vm_state, server.task_state = "error", "error", None

    def _is_resized_here(self, one):
        move = one.move
        return not one.deleted and move is not None and move.destination == HERE and move.status == "finished"

    @is_up
    @any_server(_is_resized_here)
    @rule(number=which, back=st.booleans())
    def resize_on_this_host_ends(self, number, back):
        server = self.server(number, Host._is_resized_here)
        gone = server.new if back else server.old
        server.lets_go(gone)
        if back:
            self.world.undefine(server.uuid)
            server.handles, server.task_state = server.old, "resize_reverting"
            with self.world.may_be_killed():
                server.vm_state = "active" if self.start_guest(server) else "error"
        server.move.status = "reverted" if back else "confirmed"
        server.old, server.new, server.task_state = (), (), None
        server.vm_state = "active" if not back else server.vm_state
        self.world.nova.forget(gone)
        if self.world.service is not None:
            self.world.update()

    @is_down
    @any_server(lambda self, one: one.is_idle_here)
    @rule(number=which, fenced=st.booleans(), fails=st.booleans())
    def operator_evacuates(self, number, fenced, fails):
        server = self.server(number, lambda self, one: one.is_idle_here)
        if fenced:
            self.world.end_guest(server.uuid)
        server.migrations.append(Migration("failed" if fails else "done", HERE, THERE))
        if fails:
            server.vm_state = "error"
            return
        server.lets_go(server.handles)
        server.host, server.handles, server.saved = THERE, (ELSEWHERE,), True

    # servers: death

    def _may_be_deleted(self, one):
        return not one.deleted and one.host in (HERE, None)

    @is_up
    @any_server(_may_be_deleted)
    @rule(number=which)
    def user_deletes(self, number):
        server = self.server(number, Host._may_be_deleted)
        server.task_state = "deleting"
        with self.world.may_be_killed():
            self._finish_deletion(server)

    def _finish_deletion(self, server):
        self.world.undefine(server.uuid)
        server.lets_go((*server.handles, *server.old, *server.new))
        self.world.up.release(server.uuid, "Nova deleted it")
        self.world.nova.forget((*server.handles, *server.old, *server.new))
        server.deleted, server.vm_state, server.task_state = True, "deleted", None
        self.world.update()

    @is_down
    @any_server(lambda self, one: not one.deleted)
    @rule(number=which)
    def user_deletes_while_nova_compute_is_down(self, number):
        server = self.server(number, lambda self, one: not one.deleted)
        server.lets_go((*server.handles, *server.old, *server.new, *self._noted_for(server)))
        server.deleted, server.vm_state, server.task_state = True, "deleted", None

    @any_server(lambda self, one: not one.deleted and one.host == THERE)
    @rule(number=which)
    def user_deletes_it_elsewhere(self, number):
        server = self.server(number, lambda self, one: not one.deleted and one.host == THERE)
        server.lets_go((*server.old, *self._noted_for(server)))
        server.deleted, server.vm_state, server.task_state = True, "deleted", None

    def _noted_for(self, server):
        return [one.handle for one in self.world.entries().values() if one.server == server.uuid]

    @is_up
    @any_server(lambda self, one: one.deleted and one.uuid in self.world.domains)
    @rule(number=which)
    def nova_reaps_the_guest_of_a_deleted_server(self, number):
        server = self.server(number, lambda self, one: one.deleted and one.uuid in self.world.domains)
        self.world.undefine(server.uuid)
        with self.world.may_be_killed():
            self.world.up.release(server.uuid, "Nova deleted it")

    # nova-compute

    @is_up
    @rule(until_done=st.booleans())
    def nova_compute_works(self, until_done):
        with self.world.may_be_killed():
            if until_done:
                self.world.settle()
            else:
                self.world.up.work()

    @precondition(lambda self: self.world.jobs)
    @rule(number=which)
    def deferred_job_runs(self, number):
        self.world.run_job(number)

    @is_up
    @rule()
    def nova_audits(self):
        self.world.audit()

    @is_up
    @rule(starts_again=mostly)
    def nova_compute_is_killed(self, starts_again):
        self.world.stop()
        if starts_again:
            self.nova_compute_starts()

    @is_down
    @rule()
    def nova_compute_starts(self):
        self._end_evacuated_guests()
        self.world.start()
        for server in self.world.nova.servers.values():
            if self.world.service is not None and server.task_state == "deleting":
                with self.world.may_be_killed():
                    self._finish_deletion(server)
            elif server.task_state == "spawning" and not server.deleted and server.saved:
                server.vm_state, server.task_state = "error", None

    def _end_evacuated_guests(self):
        for server in self.world.nova.servers.values():
            for one in server.migrations:
                if one.status == "done":
                    self.world.undefine(server.uuid)
                    one.status = "completed"

    @is_down
    @rule()
    def ledger_is_lost(self):
        shutil.rmtree(Path(self.world.settings.ledger_path).parent)

    @rule(hours=st.sampled_from([-48, -1, 1, 48]))
    def clock_is_set(self, hours):
        self.world.clock.ahead += timedelta(hours=hours)

    # trouble

    @is_up
    @rule(trouble=troubles)
    def something_goes_wrong_next(self, trouble):
        call, how = trouble
        if call == "libvirt":
            self.world.libvirt_is_gone = True
        else:
            self.world.host.armed[call] = how

    # the operator

    @rule(number=which, what=st.sampled_from(["drain", "undrain", "clean", "erase foreign data"]))
    def operator_says(self, number, what):
        if what == "erase foreign data":
            self._have_foreign_data_erased(number)
            return
        identity = self.choose(number, sorted(self.world.entries()))
        if identity is None:
            return
        operator = self.world.ledger.operator
        self.world.changed(identity)
        try:
            if what == "drain":
                operator.drain(identity, "maintenance")
            elif what == "undrain":
                operator.undrain(identity)
            else:
                operator.ask_for_cleaning(identity, erase_foreign_data=False)
        except AccelError as error:
            self.refused(error)

    def _have_foreign_data_erased(self, number):
        entries = self.world.entries()
        identity = self.choose(number, [name for name in sorted(entries) if self._is_foreign(name)])
        if identity is None:
            return
        try:
            self.world.ledger.operator.ask_for_cleaning(identity, erase_foreign_data=True)
            self.world.permitted.add(identity)
        except AccelError as error:
            self.refused(error)

    def _is_foreign(self, identity):
        """Whether an operator would say that nobody needs what is on it."""
        written = self.world.written.get(identity)
        wanted = {one.identity for server in self.world.nova.servers.values() for one in server.counted()}
        theirs = written is not None and self.world.must_be_kept(identity) and written.owner not in (HOST, FOREIGN)
        return identity not in wanted and not theirs and not self._is_mounted(identity)

    def _is_mounted(self, identity):
        device = self.world.devices().get(identity)
        return isinstance(device, FakeSsd) and bool(device.mounted_at)

    # the host

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

    # what holds

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
