"""Servers as tests use them: asked for, waited for, read, deleted."""

from __future__ import annotations

from collections.abc import Iterable

from lab import guest
from lab.lab import Lab
from lab.steps import wait_for

CONSOLE = "/var/lib/nova/instances/{uuid}/console.log"


class ServerFailed(Exception):
    """A server is not what it was to become."""


def wait_for_status(lab: Lab, uuid: str, wanted: str) -> None:
    """Wait until a server has a status; any end it did not want raises ServerFailed."""

    def reached() -> bool:
        lab.check()
        status = lab.cloud.status(uuid)
        if status == "ERROR" and wanted != "ERROR":
            raise ServerFailed(f"server {uuid} is in ERROR instead of {wanted}: {lab.cloud.fault(uuid)}")
        if status == "GONE" and wanted != "GONE":
            raise ServerFailed(f"server {uuid} is gone instead of {wanted}")
        return status == wanted

    wait_for(reached, 1)


def wait_until_idle(lab: Lab, uuid: str) -> None:
    """Wait until Nova has done with a server what it was asked for, whatever became of it."""

    def idle() -> bool:
        lab.check()
        return not lab.cloud.is_busy(uuid)

    wait_for(idle, 1)


def console(lab: Lab, uuid: str) -> str:
    """What a server's guest has written to its console, as QEMU has written it down; empty when there is no such thing now.

    Nova is not asked for it: what it reads from the guest's terminal while the guest writes, it adds to the same file, where those
    characters stand twice then, in the middle of a word.
    """
    return lab.machine.channel.try_run(["cat", CONSOLE.format(uuid=uuid)]).out


def wait_for_console(lab: Lab, uuid: str) -> str:
    """Wait until the guest has done all it had to do; what it wrote."""

    def ready() -> str | None:
        lab.check()
        text = console(lab, uuid)
        return text if guest.is_ready(text) else None

    return wait_for(ready, 3)


def boot_several(lab: Lab, names: Iterable[str], flavor: str, image: str) -> list[str]:
    """Ask for servers, for each after the one before has its allocation; their uuids.

    Asked for at once, two could be scheduled to the same provider: Nova's scheduler tries one allocation per host, and the server
    that comes too late would end with "No valid host" while another SSD of that host is free.
    """
    booted = []
    for name in names:
        server = lab.cloud.boot(name, flavor, image)
        wait_for(
            lambda server=server: lab.cloud.allocations(server) or lab.cloud.status(server) == "ERROR", 0.5, lab.check
        )
        booted.append(server)
    return booted


def delete(lab: Lab, *uuids: str) -> None:
    """Delete servers and wait until they are gone."""
    for uuid in uuids:
        lab.cloud.delete(uuid)
    for uuid in uuids:
        wait_for_status(lab, uuid, "GONE")


def qemu_pids(lab: Lab) -> frozenset[int]:
    """Process ids of the guests that run in L1."""
    text = lab.machine.channel.run("cat /run/libvirt/qemu/*.pid 2> /dev/null; true")
    return frozenset(int(word) for word in text.split())
