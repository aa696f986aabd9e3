"""Two servers at once, and what Placement has not heard yet: nobody gets what somebody has, or what is not clean."""

from nova_accel.model import HandleId
from tests.functional.operations.case import SIX, SSD, OperationsTestCase


class ClaimsTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_hosts(1)

    def ask_for(self, *classes: str) -> None:
        """Ask for a server, whatever comes of it."""
        self.api.post_server({"server": self._build_server(flavor_id=self.flavor_of(*classes), networks="none")})

    def test_two_servers_to_which_nova_gives_the_same_namespace_do_not_share_it(self) -> None:
        with self.audit_in_the_window():
            first = self.boot_with_data(self.flavor_of(SIX))
        self.ask_for(SIX)
        self.after_kept("two claims of the same", first)

    def test_what_is_not_clean_is_given_to_nobody_although_placement_has_not_heard_of_it(self) -> None:
        self.ledger().host_used_it(HandleId(SSD, "SN11"), "for this test")
        self.ask_for(SSD, SSD)
        self.after("claim of what is not clean")
