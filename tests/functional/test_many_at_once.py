"""More servers than SSDs, all at once: each SSD goes to one server, and every record says the same."""

import pytest

from tests.functional import base

HANDLES = 10
SERVERS = 20


class ManyAtOnceTest(base.AccelTestCase):
    def boot_all(self, flavor: str) -> list[dict]:
        # The API answers before anything is built, so the builds run side by side; the answers themselves share one in-memory
        # database connection in Nova's fixtures and come one after the other.
        bodies = [self._build_server(flavor_id=flavor, networks="none") for _ in range(SERVERS)]
        created = [self.api.post_server({"server": body}) for body in bodies]
        return [self.settled(server) for server in created]

    def settled(self, server: dict) -> dict:
        return self._wait_for_server_parameter(server, {"OS-EXT-STS:task_state": None}, max_retries=120)

    def test_twenty_boots_for_ten_handles(self) -> None:
        self.start_host("compute1", *base.ssds(HANDLES))
        servers = self.boot_all(self.ssd_flavor())
        active = [server for server in servers if server["status"] == "ACTIVE"]
        assert (len(active), sum(server["status"] == "ERROR" for server in servers)) == (HANDLES, SERVERS - HANDLES)

        in_domains = [self.in_domain(server) for server in active]
        assert sorted(in_domains) == [[f"SN{number:02}"] for number in range(1, HANDLES + 1)]
        assert [self.in_instance(server) for server in active] == in_domains
        assert [self.in_placement(server) for server in active] == [
            [f"compute1_accel_ssd_{serial}" for serial in serials] for serials in in_domains
        ]
        assigned = {entry.handle.identity: entry.server for entry in self.ledger().entries().values()}
        assert assigned == {
            serial: server["id"] for server, serials in zip(active, in_domains, strict=True) for serial in serials
        }

    @pytest.mark.essential
    def test_boots_and_deletes_on_two_hosts_leave_nothing_behind(self) -> None:
        for host in ("compute1", "compute2"):
            self.start_host(host, *base.ssds(HANDLES // 2))
        servers = self.boot_all(self.ssd_flavor())
        assert sum(server["status"] == "ACTIVE" for server in servers) == HANDLES
        for server in servers:
            self.api.delete_server(server["id"])
        for server in servers:
            self._wait_until_deleted(server)
        for host in ("compute1", "compute2"):
            assert {entry.state.value for entry in self.ledger(host).entries().values()} == {"available"}
            for serial in ("SN01", "SN05"):
                assert (self.inventory(serial, host)["reserved"], self.used(serial, host)) == (0, 0)
