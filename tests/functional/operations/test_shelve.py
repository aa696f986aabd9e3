"""Shelving gives devices back once the server is offloaded; unshelving claims anew, elsewhere too."""

import pytest

from tests.functional.operations.case import OperationsTestCase


class ShelveTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(shelved_offload_time=-1)
        self.start_hosts(1, 2)
        self.had = self.boot_with_data()
        self.server = self.had.server
        self._shelve_server(self.server, "SHELVED")

    @pytest.mark.essential
    def test_offload_cleans_and_unshelve_claims_elsewhere(self) -> None:
        self.after_kept("shelve", self.had)
        self._shelve_offload_server(self.server)
        self.after("shelve offload")
        self.api.microversion = "2.91"  # before, nobody could say where to
        self.action(self.server, "ACTIVE", unshelve={"host": "compute2"})
        self.after_kept("unshelve elsewhere", self.has_written(self.server, "compute2"))
        self._shelve_server(self.server, "SHELVED")
        self._shelve_offload_server(self.server)
        self.delete(self.server)
        self.after("delete while offloaded")

    def test_unshelve_without_offload_has_its_devices_and_data(self) -> None:
        self.action(self.server, "ACTIVE", unshelve=None)
        self.after_kept("unshelve without offload", self.had)
        self._shelve_server(self.server, "SHELVED")
        self.delete(self.server)
        self.after("delete while shelved")
