"""What is going on while something is wrong, and faults that are one event rather than a while."""

import contextlib
import copy
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from nova.tests.functional.api.client import OpenStackApiException

from tests.faults import acts, files, rules
from tests.faults.cloud import HOST, Cloud
from tests.faults.faulty import Fault, biting
from tests.faults.operators import heard
from tests.faults.outcome import Word
from tests.faults.survival import go_on
from tests.faults.world import World

_LONGEST_S = 10.0
_POLL_S = 0.1
_LONGEST_TOGETHER_S = 60.0
_REFUSALS = (404, 409)
_LATE_REFUSALS = ("nova.exception.UnexpectedDeletingTaskStateError", "nova.exception.InstanceNotFound")
"""How nova-compute refuses what the API has let through; here the API says it, because it waits for what it only casts elsewhere."""
_PMEM = "CUSTOM_PMEM_NAMESPACE_6GB"


@dataclass(frozen=True)
class Trial:
    """One try of one fault: lives of the cloud, one after the other; the last one ends with what must hold."""

    fault: str
    name: str
    lives: tuple[Callable[[Cloud], None], ...]
    between: Callable[[World], None] = files.nothing
    """What happens to the files after the first life."""
    operator: frozenset[Word] = frozenset()
    """What an operator may have to do."""


def try_to(act: Callable[[], Any]) -> None:
    """Do something that may be refused while something is wrong."""
    try:
        act()
    except Exception as error:  # noqa: BLE001  whatever Nova makes of it; what counts is what is left
        print(f"refused: {type(error).__name__}: {error}")


def settle(cloud: Cloud) -> None:
    """Wait until Nova does nothing more with any server, or seems to have given up on it."""
    given_up = time.monotonic() + _LONGEST_S
    while time.monotonic() < given_up:
        with contextlib.suppress(OpenStackApiException):
            if not any(map(_is_busy, cloud.api.get_servers())):
                return
        time.sleep(_POLL_S)
    print("something is still being done, or will never be")


def _is_busy(server: dict) -> bool:
    return server["status"] == "BUILD" or server["OS-EXT-STS:task_state"] is not None


def asking_for_a_server(cloud: Cloud, flavor: str) -> Callable[[], Any]:
    """What asks for one, without waiting for what comes of it."""
    # Made now: the fixture changes the client's version for a moment, which must not happen in two threads.
    server = {"server": cloud._build_server(flavor_id=flavor, networks="none")}
    client = copy.copy(cloud.api)
    return lambda: client.post_server(server)


def deleting(cloud: Cloud, server: dict) -> Callable[[], Any]:
    """What deletes one, with a client of its own."""
    client = copy.copy(cloud.api)
    return lambda: client.delete_server(server["id"])


def _flavor(cloud: Cloud, **more: str) -> str:
    return cloud.ssd_flavor(**{f"resources2__{_PMEM}": "1", "group_policy": "none"} | more)


def _made(cloud: Cloud, fault: Fault) -> None:
    cloud.start()
    asking = asking_for_a_server(cloud, _flavor(cloud))
    with fault(cloud):
        try_to(asking)
        settle(cloud)
    go_on(cloud)


def _deleted(cloud: Cloud, fault: Fault) -> None:
    deleted_on(cloud, fault)


def deleted_on(cloud: Cloud, fault: Fault, **abilities: object) -> None:
    """A server is deleted while something is wrong, where the SSDs' controllers can do other things."""
    acts.started_with_a_server_on(**abilities)(cloud)
    with fault(cloud):
        for server in cloud.api.get_servers():
            try_to(lambda server=server: cloud.api.delete_server(server["id"]))
        settle(cloud)
        try_to(cloud.round)
    go_on(cloud)


def _rounds(cloud: Cloud, fault: Fault) -> None:
    acts.started_with_a_server(cloud)
    with fault(cloud):
        try_to(cloud.round)
        try_to(cloud.round)
    go_on(cloud)


def _rebooted(cloud: Cloud, fault: Fault) -> None:
    acts.started_with_a_server(cloud)
    (server,) = cloud.api.get_servers()
    with fault(cloud):
        try_to(_rebooting(cloud, server))
        settle(cloud)
    go_on(cloud)


MOMENTS = {
    "while a server is made": _made,
    "while one is deleted": _deleted,
    "while nobody does anything": _rounds,
    "in a hard reboot": _rebooted,
}


def during(
    name: str,
    fault: Fault,
    moments: Iterable[str] = tuple(MOMENTS),
    *,
    of: str = "",
    operator: frozenset[Word] = frozenset(),
) -> list[Trial]:
    """A fault that lasts for a while, at each moment; then everything works again.

    :param of: what is wrong, where the same fault is tried with several things
    """

    def at(moment: str) -> Trial:
        lives = (lambda cloud: MOMENTS[moment](cloud, biting(fault)),)
        return Trial(name, f"{of} {moment}".lstrip(), lives, operator=operator)

    return [at(moment) for moment in moments]


def from_the_start(name: str, fault: Fault) -> Trial:
    """A fault of the ledger that is there already when nova-compute starts again, on a host where a server runs."""
    lives = (acts.started_with_a_server, lambda cloud: _started_without_a_ledger(cloud, biting(fault)))
    return Trial(name, "as nova-compute starts", lives)


def _started_without_a_ledger(cloud: Cloud, fault: Fault) -> None:
    before = rules.written(cloud.world)
    with fault(cloud):
        cloud.start()
        assert "Nothing of this host is offered" in cloud.stdlog.logger.output
        (server,) = cloud.api.get_servers()
        for act in (cloud.round, _rebooting(cloud, server), asking_for_a_server(cloud, _flavor(cloud))):
            assert rules.claimable(cloud, HOST) == set(), "something is offered, and nothing can be remembered of it"
            try_to(act)
            settle(cloud)
        assert rules.written(cloud.world) == before, "a guest has started although the ledger cannot be used"
    go_on(cloud)
    assert "can be used again" in cloud.stdlog.logger.output
    assert not heard(cloud.world), "it does not go on by itself"


def _rebooting(cloud: Cloud, server: dict) -> Callable[[], Any]:
    return lambda: cloud.api.post_server_action(server["id"], {"reboot": {"type": "HARD"}})


def twice_at_once(cloud: Cloud, *acts: Callable[[], Any]) -> None:
    """Do things at the same time, each in a thread of its own. The API may refuse one; nothing else may go wrong, in no log either."""
    gate = threading.Barrier(len(acts))
    wrong: list[BaseException] = []

    def run(act: Callable[[], Any]) -> None:
        gate.wait()
        try:
            act()
        except OpenStackApiException as error:
            print(f"refused: {error}")
            if not _is_refusal(error):
                wrong.append(error)
        except BaseException as error:  # noqa: BLE001  whatever it is, this thread has nobody else to tell
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(act,), name=f"at once, {act}") for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_LONGEST_TOGETHER_S)
    assert not (stuck := [thread.name for thread in threads if thread.is_alive()]), (
        f"these do not come to an end: {stuck}"
    )
    assert not wrong, wrong
    settle(cloud)
    _refuse_errors_of_ours(cloud)
    rules.look(cloud)
    go_on(cloud)


def _is_refusal(error: OpenStackApiException) -> bool:
    return error.response.status_code in _REFUSALS or any(name in str(error) for name in _LATE_REFUSALS)


def _refuse_errors_of_ours(cloud: Cloud) -> None:
    """A round goes on after whatever fails in it, and says so."""
    errors = [line for line in cloud.stdlog.logger.output.splitlines() if " ERROR [nova_accel." in line]
    assert not errors, errors


def two_deletes(cloud: Cloud) -> None:
    acts.started_with_a_server(cloud)
    (server,) = cloud.api.get_servers()
    twice_at_once(cloud, deleting(cloud, server), deleting(cloud, server))


def two_servers(cloud: Cloud) -> None:
    """There is enough for both: where one finds no host, Nova's fixture may wait for itself between two cells."""
    cloud.start()
    flavor = _flavor(cloud)
    twice_at_once(cloud, asking_for_a_server(cloud, flavor), asking_for_a_server(cloud, flavor))


def a_reboot_and_a_delete(cloud: Cloud) -> None:
    acts.started_with_a_server(cloud)
    (server,) = cloud.api.get_servers()
    twice_at_once(
        cloud,
        _rebooting(cloud, server),
        deleting(cloud, server),
    )


def two_rounds_and_a_delete(cloud: Cloud) -> None:
    acts.started_with_a_server(cloud)
    (server,) = cloud.api.get_servers()
    work = cloud.computes[HOST].driver._accel.work
    twice_at_once(cloud, work, deleting(cloud, server), work)


def a_delete_and_a_new_server(cloud: Cloud) -> None:
    acts.started_with_a_server(cloud)
    (server,) = cloud.api.get_servers()
    asking = asking_for_a_server(cloud, _flavor(cloud))
    twice_at_once(cloud, deleting(cloud, server), asking)
