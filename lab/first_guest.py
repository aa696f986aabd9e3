"""The simplest thing a compute host does: a guest without devices, from boot to delete."""

from __future__ import annotations

from lab import guest
from lab.lab import Lab
from lab.steps import say, wait_for


class ServerFailed(Exception):
    """A server is not what it was to become."""


def run(lab: Lab) -> None:
    """Boot a server, read its console, delete it."""
    lab.start_nova()
    with lab.steps.step("server is ACTIVE", 240):
        flavor = lab.cloud.flavor("plain", {})
        uuid = lab.cloud.boot("plain", flavor, lab.images.guest())
        wait_for_status(lab, uuid, "ACTIVE")
    with lab.steps.step("its console says that it has booted", 180):
        console = wait_for_console(lab, uuid)
        say("\n".join(line for line in console.splitlines() if line.startswith("guest:")))
    with lab.steps.step("server is deleted", 120):
        lab.cloud.delete(uuid)
        wait_for_status(lab, uuid, "GONE")


def wait_for_status(lab: Lab, uuid: str, wanted: str) -> None:
    """Wait until a server has a status; any end it did not want raises ServerFailed."""

    def reached() -> bool:
        status = lab.cloud.status(uuid)
        if status == "ERROR" and wanted != "ERROR":
            raise ServerFailed(f"server {uuid} is in ERROR instead of {wanted}: {lab.cloud.fault(uuid)}")
        if status == "GONE" and wanted != "GONE":
            raise ServerFailed(f"server {uuid} is gone instead of {wanted}")
        return status == wanted

    wait_for(reached, 0.5)


def wait_for_console(lab: Lab, uuid: str) -> str:
    """Wait until the guest has done all it had to do; what it wrote."""

    def ready() -> str | None:
        text = lab.cloud.console(uuid)
        return text if guest.is_ready(text) else None

    return wait_for(ready, 2)
