"""Watches what becomes of a server that is refused what could not be done."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from nova.virt.libvirt import guest as libvirt_guest

from tests.functional import base
from tests.functional.operations.case import IMAGE, OperationsTestCase
from tests.functional.operations.held import Had


class ForeseenCase(OperationsTestCase):
    """What is watched where a server is refused something."""

    def setUp(self) -> None:
        super().setUp()
        self.flags(device_detach_timeout=1, device_detach_attempts=2, group="libvirt")

    def is_active(self, had: Had) -> bool:
        return bool(self.guest_of(had).isActive())

    @contextlib.contextmanager
    def without_ledger(self, host: str = "compute1") -> Iterator[None]:
        """A folder lies where the ledger was."""
        path = Path(self.ledger(host).path)
        aside = path.rename(f"{path}.aside")
        path.mkdir()
        yield
        path.rmdir()
        aside.rename(path)

    @contextlib.contextmanager
    def watching_destroys(self) -> Iterator[list[str]]:
        """The guests that are ended meanwhile."""
        ended: list[str] = []
        original = libvirt_guest.Guest.poweroff

        def poweroff(guest: libvirt_guest.Guest) -> None:
            ended.append(guest.uuid)
            original(guest)

        with base.patched(libvirt_guest.Guest, "poweroff", poweroff):
            yield ended

    def not_rebooted(self, had: Had, sort: str) -> None:
        """It goes on running, and Nova says so."""
        before = self.stdlog.logger.output.count("Reboot failed but instance is running")
        self.api.post_server_action(had.server["id"], {"reboot": {"type": sort}})
        self._wait_for_server_parameter(had.server, {"status": "ACTIVE", "OS-EXT-STS:task_state": None})
        assert self.stdlog.logger.output.count("Reboot failed but instance is running") == before + 1
        assert self.is_active(had)

    def hears(self, words: str) -> None:
        """Wait until nova-compute has said something."""
        for _ in range(300):
            if words in self.stdlog.logger.output:
                return
            time.sleep(0.1)
        raise AssertionError(f"nova-compute did not say {words!r}")

    def not_rebuilt(self, had: Had, why: str) -> None:
        self.api.post_server_action(had.server["id"], {"rebuild": {"imageRef": IMAGE}})
        self._wait_for_action_fail_completion(had.server, "rebuild", "compute_rebuild_instance")
        self._wait_for_server_parameter(had.server, {"status": "ACTIVE", "OS-EXT-STS:task_state": None})
        self.hears(why)
