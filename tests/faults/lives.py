"""Runs one life of the cloud in a process of its own, from its start to its end or to its death."""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator

from tests.faults.cloud import Cloud
from tests.faults.points import Point
from tests.faults.trap import Trap
from tests.faults.world import World

_LONGEST_S = 300


@contextlib.contextmanager
def _logged(cloud: Cloud) -> Iterator[None]:
    """Where it fails, what nova-compute said belongs to why."""
    try:
        yield
    except BaseException:
        print(cloud.stdlog.logger.output)
        raise


def live(world: World, name: str, act: Callable[[Cloud], None], armed: Point | None = None) -> int:
    """Live once. Forked, because Nova takes long to import; so nothing may have been started in this process.

    :param armed: the trap from the start on; what is done may arm another one
    :returns: the exit status, negative when a signal ended it
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        signal.alarm(_LONGEST_S)
        with world.log(name).open("a", buffering=1) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            cloud = Cloud(world, Trap(armed))
            cloud.setUp()
            with _logged(cloud):
                act(cloud)
            status = 0
    except BaseException:  # noqa: BLE001  also a fixture's own way to end; the log has it, the status says so
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)
