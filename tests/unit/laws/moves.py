"""How servers come from one host to another, or stay where they are with other devices."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.unit.laws.base import ELSEWHERE, any_server, is_down, is_up, which
from tests.unit.laws.model import HERE, THERE, Migration
from tests.unit.laws.servers import Servers


class Moves(Servers):
    """Migrations, resizes and evacuations; the other host is facts only."""

    @is_up
    @any_server(lambda self, one: one.is_idle_here)
    @rule(number=which)
    def user_migrates(self, number):
        server = self.server(number, lambda self, one: one.is_idle_here)
        self.world.end_guest(server.uuid)
        server.migrations.append(Migration("migrating", HERE, THERE))
        server.old, server.new = server.handles, (ELSEWHERE,)
        server.task_state = "resize_migrating"

    @any_server(lambda self, one: one.is_idle_here)
    @rule(number=which, live=st.booleans())
    def move_comes_to_nothing(self, number, live):
        """A live migration is refused, or no host is found."""
        server = self.server(number, lambda self, one: one.is_idle_here)
        server.migrations.append(
            Migration("error", HERE, THERE, "live-migration") if live else Migration("error", HERE, None)
        )

    def _is_leaving(self, one):
        move = one.move
        return not one.deleted and move is not None and move.destination == THERE and move.status == "migrating"

    @any_server(_is_leaving)
    @rule(number=which)
    def migration_arrives(self, number):
        server = self.server(number, Moves._is_leaving)
        server.move.status = "finished"
        server.host, server.handles, server.saved = THERE, (ELSEWHERE,), True
        server.vm_state, server.task_state = "resized", None

    @any_server(_is_leaving)
    @rule(number=which, late=st.sampled_from(["", "error", "active"]), undefined=st.booleans())
    def migration_fails(self, number, late, undefined):
        server = self.server(number, Moves._is_leaving)
        server.move.status = "error"
        if late:
            server.host, server.handles, server.vm_state = THERE, (ELSEWHERE,), late
        if undefined:  # by whoever cleans up after it: the devices hold the only copy
            self.world.undefine(server.uuid)
        server.task_state = None  # Nova leaves the migration context of a move that failed

    def _has_left(self, one):
        move = one.move
        return not one.deleted and move is not None and move.destination == THERE and move.status == "finished"

    def _may_be_decided(self, one):
        return Moves._has_left(self, one) and one.vm_state == "resized"

    @any_server(_may_be_decided)
    @rule(number=which)
    def operator_resets_the_state_of_a_server_that_waits_for_its_user(self, number):
        """Nova goes on calling its migration finished, and will neither confirm nor revert it."""
        server = self.server(number, Moves._may_be_decided)
        server.vm_state = "active"

    @any_server(_may_be_decided)
    @is_up
    @rule(number=which)
    def migration_is_confirmed(self, number):
        server = self.server(number, Moves._may_be_decided)
        self.world.undefine(server.uuid)
        server.lets_go(server.old)
        server.move.status = "confirmed"
        self.world.nova.forget(server.old)
        server.old, server.new, server.vm_state = (), (), "active"
        self.world.update()

    @any_server(_may_be_decided)
    @is_up
    @rule(number=which)
    def migration_is_reverted(self, number):
        server = self.server(number, Moves._may_be_decided)
        server.host, server.handles = HERE, server.old
        server.task_state = "resize_reverting"
        self.world.undefine(server.uuid)
        with self.world.may_be_killed():
            server.vm_state = "active" if self.start_guest(server) else "error"
        server.move.status = "reverted"
        server.old, server.new, server.task_state = (), (), None

    @any_server(_may_be_decided)
    @rule(number=which, given_back=st.booleans(), undefined=st.booleans())
    def revert_is_cut(self, number, given_back, undefined):
        """Nova calls it reverted at the destination, and its source never hears of it; an operator resets the state."""
        server = self.server(number, Moves._may_be_decided)
        server.move.status, server.vm_state = "reverted", "active"
        if given_back:
            server.handles = server.old
        if undefined:  # by whoever cleans up after it: as long as the domain is there, it speaks for itself
            self.world.undefine(server.uuid)

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
        server.given_back -= set(new)
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
        server = self.server(number, Moves._is_resized_here)
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
