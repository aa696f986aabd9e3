"""Mends Nova 33's fixtures for tests, which know green threads only, where nova-compute itself can run with native threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fixtures
from nova import monkey_patch
from nova.tests.fixtures import notifications
from nova.tests.fixtures import nova as nova_fixtures
from oslo_db.sqlalchemy import enginefacade

NOTIFIER = notifications.FakeVersionedNotifier
TRANSACTIONS = enginefacade._TransactionContextManager


class FixturesFitForNativeThreads(fixtures.Fixture):
    """One transaction at a time, because all threads share the one connection that a database in memory has.

    And a notification is taken to be of the test that runs: from which test a native thread is, nobody wrote down. Nova 34's own
    fixtures do the same by other means; Nova 31 and 32 have no native threads in nova-compute.
    """

    def _setUp(self) -> None:  # noqa: N802  the fixtures library's name
        if not needed():
            return
        # Not fixtures.MonkeyPatch: it would put another static method in the static method's place.
        for owner, name, mended in (
            (NOTIFIER, "_get_sender_test_case_id", lambda notifier: notifier.test_case_id),
            (TRANSACTIONS, "_transaction_scope", one_at_a_time(TRANSACTIONS._transaction_scope)),
        ):
            self.useFixture(fixtures.MockPatchObject(owner, name, mended))


def needed() -> bool:
    """Whether this is native threads with fixtures that have no lock of their own around what is written."""
    eventlet = getattr(monkey_patch, "MONKEY_PATCHED", True)
    return not eventlet and not hasattr(nova_fixtures, "DatabaseWriteLock")


def one_at_a_time(scope: Any) -> Any:
    """One lock for all databases, so that two threads cannot wait for each other's."""
    lock = threading.RLock()

    @contextmanager
    def locked(manager: Any, context: Any) -> Iterator[Any]:
        with lock, scope(manager, context) as resource:
            yield resource

    return locked
