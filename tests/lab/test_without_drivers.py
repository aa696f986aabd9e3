"""With no driver enabled nothing is offered, and Nova works as ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import folders, servers
from lab.configuration import with_drivers
from lab.lab import Lab, Wish
from lab.scenario import Chance, smoke
from lab.steps import Steps
from tests.lab.ssds import FLAVOR, providers

pytestmark = pytest.mark.full


@pytest.fixture
def bare_lab(steps: Steps, chance: Chance) -> Iterator[Lab]:
    """The same hardware with ``enabled_drivers`` empty."""
    lab = Lab(Wish(smoke(chance), **with_drivers("")), folders.home(), steps)
    with lab:
        lab.start_nova()
        yield lab
    assert lab.left == []


def test_without_drivers_a_server_without_ssd_boots_and_one_with_does_not(bare_lab: Lab) -> None:
    lab = bare_lab
    assert providers(lab) == {}
    with lab.steps.step("a server that wants an SSD finds no host", 120):
        server = lab.cloud.boot("hopeless", lab.cloud.flavor("one-ssd", FLAVOR), lab.images.guest())
        servers.wait_for_status(lab, server, "ERROR")
    assert "No valid host" in lab.cloud.fault(server)
    with lab.steps.step("a server without boots", 240):
        plain = lab.cloud.boot("plain", lab.cloud.flavor("plain", {}), lab.images.guest())
        servers.wait_for_status(lab, plain, "ACTIVE")
        servers.delete(lab, server, plain)
