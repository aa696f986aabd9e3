"""What happens to nova-compute and to what it works with: its ends, its ledger, failing tools, an operator."""

import shutil
from datetime import timedelta
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from nova_accel.exception import AccelError
from nova_accel.ledger.states import State
from tests.fakes.host import FakeSsd
from tests.unit.laws import hardware
from tests.unit.laws.base import is_down, is_up, mostly, which
from tests.unit.laws.ground import Ground
from tests.unit.laws.laws import what_is_promised_can_be_claimed
from tests.unit.laws.servers import Servers
from tests.unit.laws.sleep import Sleep
from tests.unit.laws.world import FOREIGN, HOST, PMEM, SSD

IN_CLEANING = (
    *hardware.ERASING,
    "bring_back",
    "settle",
    "id_ctrl",
    "list_ns",
    "first_nonzero",
    "namespace_first_nonzero",
)
MEANWHILE = (
    "a round",
    "a delete",
    "a start",
    "a new server",
    "an SSD is taken out",
    "an SSD is taken out and put back",
    "a namespace is disabled",
    "the host mounts an SSD",
)

troubles = st.one_of(
    st.tuples(st.sampled_from(hardware.CALLS), st.sampled_from(["fail", "fail after", "kill before", "kill after"])),
    st.tuples(st.sampled_from(hardware.ERASING), st.sampled_from(["lie", "fail", "hang", "kill after"])),
    st.just(("libvirt", "gone")),
)


class Compute(Sleep, Ground):
    """nova-compute works, is killed and starts, and something goes wrong meanwhile."""

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
    @precondition(lambda self: not self.world.host.armed and not self.world.libvirt_is_gone)
    @rule()
    def it_is_quiet_for_a_while(self):
        with self.world.may_be_killed():
            self.world.settle()
            self.world.audit()
            what_is_promised_can_be_claimed(self.world)

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

    @rule()
    def ledger_is_backed_up(self):
        self.world.back_up_ledger()

    @is_down
    @rule(older=st.booleans())
    def ledger_is_lost(self, older):
        """Nothing is left of it, or an older copy is put back."""
        if older:
            self.world.put_back_ledger()
        else:
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

    @is_up
    @rule(call=st.sampled_from(IN_CLEANING), what=st.sampled_from(MEANWHILE), number=which)
    def something_happens_while_a_device_is_cleaned(self, call, what, number):
        happens = {
            "a round": lambda: self.world.up.work(),
            "a delete": lambda: self._meanwhile(Servers._may_be_deleted, number, self._finish_deletion),
            "a start": lambda: self._meanwhile(lambda _, one: one.is_idle_here, number, self._start_again),
            "a new server": lambda: self._build((SSD,) if number % 2 else (PMEM,)),
            "an SSD is taken out": lambda: self._take_out(number, written_to=False),
            "an SSD is taken out and put back": lambda: self._exchange(number),
            "a namespace is disabled": lambda: self._disable_or_enable(number),
            "the host mounts an SSD": lambda: self._mount(number),
        }
        self.world.host.meanwhile[call] = happens[what]

    def _meanwhile(self, condition, number, do):
        server = self.server(number, condition)
        if server is not None:
            do(server)

    def _exchange(self, number):
        self._take_out(number, written_to=False)
        self._put_in(-1, number)

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

    @rule(number=which)
    def operator_says_that_a_server_has_left_something(self, number):
        """Of any server: what it has, or may come back to, has to stay."""
        assigned = [one for one in self.world.entries().values() if one.state is State.ASSIGNED]
        one = self.choose(number, sorted(assigned, key=lambda one: one.handle))
        if one is None:
            return
        self.world.ledger.left_behind.ask(one.handle.identity, one.server)
        self.world.said_left.add((one.handle.identity, one.server))

    def _is_foreign(self, identity):
        """Whether an operator would say that nobody needs what is on it."""
        written = self.world.written.get(identity)
        wanted = {one.identity for server in self.world.nova.servers.values() for one in server.counted()}
        theirs = written is not None and self.world.must_be_kept(identity) and written.owner not in (HOST, FOREIGN)
        return identity not in wanted and not theirs and not self._is_mounted(identity)

    def _is_mounted(self, identity):
        device = self.world.devices().get(identity)
        return isinstance(device, FakeSsd) and bool(device.mounted_at)
