"""What must not go unnoticed: nothing erased, nothing recorded, a move taken for finished, the end of a guest taken for its server's."""

import contextlib
from collections.abc import Callable
from typing import Any
from unittest import mock

import nova.tests.functional  # noqa: F401  it has to be the first of Nova's

from nova_accel.cleaning.record import RecordFile
from nova_accel.virt import evidence
from nova_accel.virt.driver import AccelLibvirtDriver
from tests.faults import machine


def _idle_cleaner() -> contextlib.AbstractContextManager[Any]:
    return mock.patch.object(machine, "SABOTAGED", True)


def _moves_taken_for_finished() -> contextlib.AbstractContextManager[Any]:
    return mock.patch.object(evidence, "_is_moving", return_value=False)


def _ends_taken_for_releases() -> contextlib.AbstractContextManager[Any]:
    destroy = AccelLibvirtDriver.destroy

    def destroy_and_release(driver: Any, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        destroy(driver, context, instance, *args, **kwargs)
        driver._accel.release(instance.uuid, "its guest has ended")

    return mock.patch.object(AccelLibvirtDriver, "destroy", destroy_and_release)


def _nothing_recorded() -> contextlib.AbstractContextManager[Any]:
    return mock.patch.object(RecordFile, "add")


KINDS: dict[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {
    "cleaner": _idle_cleaner,
    "moves": _moves_taken_for_finished,
    "ends": _ends_taken_for_releases,
    "record": _nothing_recorded,
}


def applied(kind: str | None) -> contextlib.AbstractContextManager[Any]:
    """Do it as long as the context lasts, in every process that is forked meanwhile; None is none."""
    return KINDS[kind]() if kind else contextlib.nullcontext()
