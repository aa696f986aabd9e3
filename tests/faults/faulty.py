"""What can be wrong for a while with what nova-compute leans on: each is a context in which things happen."""

import contextlib
import datetime
import itertools
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import requests
import sqlalchemy
from keystoneauth1 import exceptions as keystone
from nova.scheduler.client.report import SchedulerReportClient

from nova_accel.exception import DeviceLost, PrivilegedCallError
from nova_accel.ledger import file as ledger_file
from tests.faults.cloud import HOST, Cloud

Fault = Callable[[Cloud], AbstractContextManager[None]]

_WRITES = ("put", "post", "delete")
_CONFLICT = (
    b'{"errors": [{"status": 409, "code": "placement.concurrent_update", "title": "Conflict", "detail": "a fault"}]}'
)


class Bites:
    """How often something really went wrong because of a fault: one that nobody noticed was not tried."""

    count = 0


def _bite() -> None:
    Bites.count += 1


def biting(fault: Fault) -> Fault:
    """The same fault; afterwards it must have been noticed."""

    @contextlib.contextmanager
    def checked(cloud: Cloud) -> Iterator[None]:
        Bites.count = 0
        with fault(cloud):
            yield
        assert Bites.count, "nobody noticed this fault, so it was not tried"
        print(f"the fault was noticed {Bites.count} times")

    return checked


def _answer(status: int, body: bytes = b"{}") -> requests.Response:
    _bite()
    response = requests.Response()
    response.status_code = status
    response._content = body
    response.headers["x-openstack-request-id"] = "req-fault"
    return response


@contextlib.contextmanager
def _placement(names: tuple[str, ...], instead: Callable[[Callable[[], Any]], Any]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for name in names:
            real = getattr(SchedulerReportClient, name)

            def request(*args: Any, real: Any = real, **kwargs: Any) -> Any:
                return instead(lambda: real(*args, **kwargs))

            stack.enter_context(mock.patch.object(SchedulerReportClient, name, request))
        yield


def placement_answers_errors(_: Cloud) -> AbstractContextManager[None]:
    """Every request is answered with 503."""
    return _placement(("get", *_WRITES), lambda _: _answer(503))


def placement_finds_conflicts(_: Cloud) -> AbstractContextManager[None]:
    """Every second write is answered with 409, as if somebody else had written meanwhile."""
    turns = itertools.cycle((True, False))
    return _placement(_WRITES, lambda real: _answer(409, _CONFLICT) if next(turns) else real())


def placement_answers_get_lost(_: Cloud) -> AbstractContextManager[None]:
    """Every write is done, and its answer does not arrive."""

    def lost(real: Callable[[], Any]) -> Any:
        real()
        _bite()
        raise keystone.ConnectTimeout("the answer got lost, because this is a fault")

    return _placement(_WRITES, lost)


@contextlib.contextmanager
def libvirt_is_gone(cloud: Cloud) -> Iterator[None]:
    """libvirtd does not answer; guests run on."""
    connection = cloud.connection()
    connection.away = _bite
    try:
        yield
    finally:
        connection.away = None


def _full() -> sqlite3.OperationalError:
    """As SQLite itself raises it: the code tells what passes from what is damaged."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
    return error


class _Full(sqlite3.Connection):
    """Does what SQLite does when the disk is full at a commit."""

    def __exit__(self, *raised: Any) -> Any:
        if raised[0] is None and self.in_transaction:
            self.rollback()
            _bite()
            raise _full()
        return super().__exit__(*raised)


class _ReadOnly(sqlite3.Connection):
    """A file that may only be read, by SQLite's own word."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA query_only = ON")

    def execute(self, *args: Any) -> Any:
        try:
            return super().execute(*args)
        except sqlite3.OperationalError:
            _bite()
            raise

    executemany = execute


@contextlib.contextmanager
def _ledger_opened_by(factory: type[sqlite3.Connection]) -> Iterator[None]:
    real = sqlite3.connect

    def connect(path: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        return real(path, *args, **({"factory": factory} | kwargs))

    shown = SimpleNamespace(**(vars(sqlite3) | {"connect": connect}))
    with mock.patch.object(ledger_file, "sqlite3", shown):
        yield


def disk_under_the_ledger_is_full(_: Cloud) -> AbstractContextManager[None]:
    """No transaction can be committed."""
    return _ledger_opened_by(_Full)


def ledger_is_read_only(_: Cloud) -> AbstractContextManager[None]:
    """Nothing can be written."""
    return _ledger_opened_by(_ReadOnly)


@contextlib.contextmanager
def novas_database_refuses_writes(cloud: Cloud) -> Iterator[None]:
    """Nova's cell database can only be read: another process holds its lock, as a failing-over Galera would."""
    path = cloud.world.database(cloud.cell_mappings["cell1"].database_connection)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        noted = lambda _: _bite()  # noqa: E731  one object, to be taken away again
        sqlalchemy.event.listen(sqlalchemy.Engine, "handle_error", noted)
        try:
            yield
        finally:
            sqlalchemy.event.remove(sqlalchemy.Engine, "handle_error", noted)
            other.execute("ROLLBACK")


def broken(error: type[PrivilegedCallError], reason: str, *calls: str) -> Fault:
    """Root's side does not do some of its calls."""

    @contextlib.contextmanager
    def fault(cloud: Cloud) -> Iterator[None]:
        def failing(call: str) -> Callable[[], None]:
            def fail() -> None:
                _bite()
                raise error(call, reason)

            return fail

        machine = cloud.machines[HOST]
        machine.broken = {call: failing(call) for call in calls}
        try:
            yield
        finally:
            machine.broken = {}

    return fault


def hangs(*calls: str) -> Fault:
    """A tool does not end, whatever it is sent: root's side gives up after its time limit."""
    return broken(PrivilegedCallError, "nvme was not done after 60 s and was killed", *calls)


def lost(*calls: str) -> Fault:
    """The kernel itself waits for the device."""
    return broken(DeviceLost, "the privsep daemon did not answer in time", *calls)


@contextlib.contextmanager
def clock_is_set_back(_: Cloud) -> Iterator[None]:
    """By ten years, for everything of ours that reads it."""

    class Back(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Back":
            _bite()
            real = datetime.datetime.now(tz) - datetime.timedelta(days=3650)
            return cls.combine(real.date(), real.timetz())

    with contextlib.ExitStack() as stack:
        for module in _ours():
            if getattr(module, "datetime", None) is datetime.datetime:
                stack.enter_context(mock.patch.object(module, "datetime", Back))
        yield


def _ours() -> list[ModuleType]:
    return [module for name, module in list(sys.modules.items()) if name.startswith("nova_accel.")]
