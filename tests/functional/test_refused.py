"""What a server with a device cannot do yet is refused before anything happened, with a sentence."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import fixtures
import pytest
from nova.tests.functional.api.client import OpenStackApiException

from tests.functional import base
from tests.functional.base import namespaces, ssds


class RefusedTest(base.AccelTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.machine = self.start_host("compute1", *ssds(1), namespaces=namespaces("ns0"))
        self.start_host("compute2", base.FakeSsd("0000:01:00.0", "SN51"), namespaces=namespaces("ns0", region=1))

    def refused(self, server: dict, error: str, **migration: object) -> None:
        with pytest.raises(OpenStackApiException, match=error):
            # Where casts are calls, what the conductor raises arrives here.
            self.api.post_server_action(server["id"], {"os-migrateLive": {"block_migration": "auto"} | migration})
        self._wait_for_state_change(server, "ACTIVE")

    def devices(self) -> list[str]:
        return ["CUSTOM_SSD", "CUSTOM_PMEM_NAMESPACE_6GB"]

    @pytest.mark.essential
    def test_suspend_leaves_a_server_with_persistent_memory_running(self) -> None:
        server = self.boot(self.flavor(resources1__CUSTOM_PMEM_NAMESPACE_6GB="1"), host="compute1")
        had = self.in_instance(server)
        with pytest.raises(OpenStackApiException, match="InstanceSuspendFailure"):
            self.api.post_server_action(server["id"], {"suspend": {}})
        server = self._wait_for_state_change(server, "ACTIVE")
        assert server["OS-EXT-STS:task_state"] is None
        assert self.in_instance(server) == had
        assert self.entry(had[0]).state.value == "assigned"

    @contextmanager
    def at_microversion(self, version: str) -> Iterator[None]:
        before, self.api.microversion = self.api.microversion, version
        yield
        self.api.microversion = before

    @pytest.mark.essential
    def test_live_migration_leaves_nothing_behind(self) -> None:
        for resource_class in self.devices():
            server = self.boot(self.flavor(**{f"resources1__{resource_class}": "1"}), host="compute1")
            had = self.in_instance(server)
            conductor = self.useFixture(fixtures.FakeLogger("nova.conductor.tasks.live_migrate", level=logging.DEBUG))
            self.refused(server, "NoValidHost", host=None)
            self.refused(server, "NoValidHost", host="compute2")
            sentence = "it has devices of its host, which cannot move"
            skipped = f"Skipping host: compute2 because: Migration pre-check error: {sentence}"
            assert f"Server {server['id']} is not live-migrated: {sentence}" in self.stdlog.logger.output
            assert conductor.output.count(skipped) == 2
            with self.at_microversion("2.67"):  # the last one with which a host can be named past the scheduler
                self.refused(server, "NoValidHost", host="compute2", force=True)
            assert "complex allocations on the source host so move cannot be forced" in self.stdlog.logger.output
            assert conductor.output.count(skipped) == 2
            assert self.api.get_server(server["id"])["OS-EXT-SRV-ATTR:host"] == "compute1"
            assert self.in_instance(server) == had
            assert len(self.in_placement(server)) == 1
            taken = [one for one in self.ledger("compute2").entries().values() if one.state.value != "available"]
            assert taken == []

    def test_a_server_without_a_device_is_suspended_as_ever(self) -> None:
        server = self.boot(self.flavor(), host="compute1")
        self.api.post_server_action(server["id"], {"suspend": {}})
        self._wait_for_state_change(server, "SUSPENDED")
