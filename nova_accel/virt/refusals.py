"""What we refuse, raised as those exceptions that have Nova leave a server as it should be then."""

import contextlib
from collections.abc import Iterator
from typing import Any

from nova import exception as nova_exception
from nova.compute import vm_states
from oslo_log import log as logging

from nova_accel.exception import AccelError
from nova_accel.virt import nova_database, suspend

LOG = logging.getLogger(__name__)

_NO_LIVE_MIGRATION = "it has devices of its host, which cannot move while it runs; stop it first, or migrate it cold"

# Nova's API writes it down first, and takes it back only where the scheduler finds no host.
_IMAGE_NOTED = (
    "if that was with another image, Nova has it noted as the server's already, so rebuild it, with either, before it is rebooted "
    "hard or evacuated"
)


@contextlib.contextmanager
def of_a_start(instance: Any) -> Iterator[None]:
    """A server that is built tries another host, any other keeps what it has.

    :raises nova.exception.ComputeResourcesUnavailable: for one that is built
    :raises nova.exception.InternalError: for any other
    """
    try:
        yield
    except AccelError as error:
        if instance.vm_state == vm_states.BUILDING:
            raise nova_exception.ComputeResourcesUnavailable(reason=str(error)) from error
        # Where the guest goes on running, Nova says nowhere why a reboot was refused.
        LOG.warning("Server %s is not started: %s", instance.uuid, error)
        # The other one would make a rebuild on this host drop the server's allocation.
        raise nova_exception.InternalError(str(error)) from error


@contextlib.contextmanager
def of_a_rebuild(instance: Any) -> Iterator[None]:
    """A server is not rebuilt and goes on with the disk that it has.

    :raises nova.exception.InstanceFaultRollback: with the reason
    """
    try:
        yield
    except AccelError as error:
        LOG.warning("Server %s is not rebuilt and goes on as before: %s; %s", instance.uuid, error, _IMAGE_NOTED)
        failure = nova_exception.InstanceDeployFailure(reason=str(error))
        raise nova_exception.InstanceFaultRollback(failure) from error


@contextlib.contextmanager
def of_a_resume() -> Iterator[None]:
    """A server stays suspended, to be resumed later; except one that is not any more.

    :raises nova.exception.InstanceFaultRollback: for one that stays suspended
    :raises nova.exception.InternalError: for one that runs without its devices
    """
    try:
        yield
    except suspend.RunsWithout as error:
        raise nova_exception.InternalError(str(error)) from error
    except AccelError as error:
        failure = nova_exception.InstanceResumeFailure(reason=str(error))
        raise nova_exception.InstanceFaultRollback(failure) from error


def refuse_live_migration(instance: Any) -> None:
    """Let no server be live-migrated that has a device of ours.

    :raises nova.exception.MigrationPreCheckError: with the reason
    """
    if nova_database.has_devices_of_ours(instance):
        LOG.warning("Server %s is not live-migrated: %s", instance.uuid, _NO_LIVE_MIGRATION)
        raise nova_exception.MigrationPreCheckError(reason=_NO_LIVE_MIGRATION)
