"""How servers come, live and go."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from nova_accel.exception import AccelError
from tests.unit.laws import hardware
from tests.unit.laws.base import ELSEWHERE, Base, any_server, is_down, is_up, which, wishes
from tests.unit.laws.model import HERE, THERE


class Servers(Base):
    """What users and Nova do with a server on one host."""

    # birth

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
        self._spawn(self.server(number, Servers._is_building), outcome)

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

    # life

    def _runs(self, one):
        return one.uuid in self.world.domains and self.world.domains[one.uuid].running

    @any_server(_runs)
    @rule(number=which)
    def guest_writes(self, number):
        self._write(self.server(number, Servers._runs))

    def _write(self, server):
        for device in self.world.domains[server.uuid].devices.values():
            self.world.write(server.uuid, device, {8192: self.nonce()})

    @is_up
    @any_server(lambda self, one: one.is_idle_here and Servers._runs(self, one))
    @rule(number=which)
    def user_stops(self, number):
        server = self.server(number, lambda self, one: one.is_idle_here and Servers._runs(self, one))
        self.world.end_guest(server.uuid)
        server.vm_state = "stopped"

    @is_up
    @any_server(lambda self, one: one.is_idle_here)
    @rule(number=which)
    def user_starts_or_reboots_hard(self, number):
        self._start_again(self.server(number, lambda self, one: one.is_idle_here))

    def _start_again(self, server):
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
            if server.vm_state == "error":
                server.given_back |= set(server.handles)
        server.task_state = None

    def _rebuild(self, server):
        try:
            self.world.up.rebuilds.erase(server.handles, server.uuid)
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
    @any_server(lambda self, one: one.is_idle_here and Servers._runs(self, one))
    @rule(number=which)
    def user_reboots_softly(self, number):
        server = self.server(number, lambda self, one: one.is_idle_here and Servers._runs(self, one))
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
        server.offloaded_with = server.handles
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
        server.offloaded_with = ()
        server.given_back -= set(handles)
        self.nova_spawns_again(server)

    def nova_spawns_again(self, server):
        with self.world.may_be_killed():
            if self.start_guest(server):
                server.vm_state, server.task_state = "active", None
                return
            self.world.nova.forget(server.handles)
            server.offloaded_with = server.handles
            server.handles, server.host, server.task_state = (), None, None

    # death

    def _may_be_deleted(self, one):
        return not one.deleted and one.host in (HERE, None)

    @is_up
    @any_server(_may_be_deleted)
    @rule(number=which)
    def user_deletes(self, number):
        server = self.server(number, Servers._may_be_deleted)
        with self.world.may_be_killed():
            self._finish_deletion(server)

    def _finish_deletion(self, server):
        server.task_state = "deleting"
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
