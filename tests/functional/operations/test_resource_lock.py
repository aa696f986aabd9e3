"""Nothing of cleaning runs under Nova's resource lock: whoever claims or gives back does not wait for a device."""

import threading
from collections.abc import Callable

import fixtures
from nova import utils
from nova.compute import resource_tracker

from tests.fakes.host import FakeHost
from tests.fakes.pmem import FakePmem
from tests.functional.operations.case import IMAGE, OperationsTestCase
from tests.functional.operations.fates import EMPTY

UNDER_IT = utils.synchronized(resource_tracker.COMPUTE_RESOURCE_SEMAPHORE, fair=True)
ON_SSDS = ("bring_back", "id_ctrl", "list_ns", "sizes", "erase", "zero", "first_nonzero", "settle")
ON_NAMESPACES = ("namespace_size", "zero_namespace", "namespace_first_nonzero")


def is_free(within_s: float) -> bool:
    """Whether another thread can take Nova's resource lock now."""
    taken = threading.Event()
    threading.Thread(target=UNDER_IT(taken.set), daemon=True).start()
    return taken.wait(within_s)


class ResourceLockTest(OperationsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.seen: dict[str, bool] = {}
        for owner, names in ((FakeHost, ON_SSDS), (FakePmem, ON_NAMESPACES)):
            for name in names:
                self.useFixture(fixtures.MockPatchObject(owner, name, self.watched(name, getattr(owner, name))))

    def watched(self, name: str, call: Callable[..., object]) -> Callable[..., object]:
        def watching(*args: object) -> object:
            self.seen[name] = self.seen.get(name, True) and is_free(10.0)
            return call(*args)

        return watching

    def was_free_during(self, operation: str, *calls: str) -> None:
        """It was free in each call to a device, and these were among them."""
        seen, self.seen = self.seen, {}
        assert seen == dict.fromkeys(seen, True), f"held during {operation}"
        assert seen.keys() >= set(calls), f"{operation} called only {sorted(seen)}"

    def test_it_is_free_while_a_device_is_read_or_erased(self) -> None:
        assert UNDER_IT(lambda: not is_free(0.1))(), "this test would not notice that it is held"
        reading, erasing = ("first_nonzero", "namespace_first_nonzero"), ("erase", "zero_namespace")
        self.start_hosts(1)
        self.was_free_during("the first look", *reading)
        had = self.boot_with_data()
        self._rebuild_server(had.server, IMAGE)
        self.after("rebuild, the resource lock watched", had.is_(EMPTY))
        self.was_free_during("a rebuild", *erasing, *reading)
        self.delete(had.server)
        self.after("delete, the resource lock watched")
        self.was_free_during("a delete", *erasing, *reading)
        server = self.boot_with_data().server
        with self.failing(FakeHost, "erase", OSError("for this test")):
            self.delete(server)
        self.after("delete, cleaned in a later round")
        self.was_free_during("a later round", *erasing, *reading)
