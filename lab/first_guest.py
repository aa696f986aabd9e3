"""The simplest thing a compute host does: a guest without devices, from boot to delete."""

from __future__ import annotations

from lab import servers
from lab.lab import Lab
from lab.steps import say


def run(lab: Lab) -> None:
    """Boot a server, read its console, delete it."""
    lab.start_nova()
    with lab.steps.step("server is ACTIVE", 240):
        flavor = lab.cloud.flavor("plain", {})
        uuid = lab.cloud.boot("plain", flavor, lab.images.guest())
        servers.wait_for_status(lab, uuid, "ACTIVE")
    with lab.steps.step("its console says that it has booted", 180):
        console = servers.wait_for_console(lab, uuid)
        say("\n".join(line for line in console.splitlines() if line.startswith("guest:")))
    with lab.steps.step("server is deleted", 120):
        servers.delete(lab, uuid)
