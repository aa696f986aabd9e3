"""Nova is cut off between two of its own steps, and says of a move or an offload what is not so yet, or no more."""

from nova.compute import manager, rpcapi

from nova_accel.ledger.states import State
from tests.functional import base
from tests.functional.operations.case import OperationsTestCase
from tests.functional.operations.fates import CLEAN
from tests.functional.operations.held import Had
from tests.functional.operations.test_failing_moves import BROKEN, FailingMovesTest


class CutRevertTest(FailingMovesTest):
    """Nova calls a migration reverted at its destination, before the server is back at its source: the message to that gets lost."""

    def setUp(self) -> None:
        super().setUp()
        self.action(self.server, "VERIFY_RESIZE", migrate=None)
        self.new = self.has_written(self.server, "compute2")
        with base.patched(rpcapi.ComputeAPI, "finish_revert_resize", lambda *args, **kwargs: None):
            self.post(revertResize=None)
            self._wait_for_migration_status(self.server, ["reverted"])
        # By whoever cleans up after it: as long as the domain is there, it speaks for itself.
        self.guest_of(self.old).undefine()

    def test_what_it_was_going_back_to_is_kept_until_it_is_deleted(self) -> None:
        self.admin_api.post_server_action(self.server["id"], {"os-resetState": {"state": "active"}})
        for _ in range(2):
            self.settle()
        assert self.states(self.old) == {State.ASSIGNED}
        assert len(self.five.content(self.old.handles)) == len(self.old.handles)
        with self.on("compute2"):
            self.delete(self.server)
        # Nova forgets the allocation of such a migration; the log names it, and an operator deletes it.
        self.after("revert cut off, state reset, then delete", self.old.is_(CLEAN.but(placement={"migration"})))

    def test_what_it_was_going_back_to_is_cleaned_once_an_operator_says_so(self) -> None:
        self.admin_api.post_server_action(self.server["id"], {"os-resetState": {"state": "active"}})
        self.settle()
        self.says_that_it_was_left(self.old)
        self.settle()
        assert self.states(self.old) == {State.AVAILABLE}

    def states(self, had: Had) -> set[State]:
        return {self.entry(held.identity, held.host).state for held in had.handles}


class CutOffloadTest(OperationsTestCase):
    def test_what_an_offloaded_server_had_is_cleaned_although_nova_still_names_its_host(self) -> None:
        self.flags(shelved_offload_time=-1)
        self.start_hosts(1)
        had = self.boot_with_data()
        self._shelve_server(had.server, "SHELVED")
        with self.failing(manager.ComputeManager, "_update_resource_tracker", BROKEN):
            self.action(had.server, "SHELVED_OFFLOADED", shelveOffload=None)
        self.after("shelve offload, cut off before Nova takes it from its host", had.is_(CLEAN.but(nova={"resources"})))
