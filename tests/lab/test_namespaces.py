"""PMEM namespaces that are disabled, enabled, destroyed and made again while nova-compute runs."""

from __future__ import annotations

import sys

import pytest

from lab import guest, ledger, servers
from lab.configuration import PMEM
from lab.lab import Lab
from lab.scenario import Chance
from lab.ssh import CommandFailed
from lab.steps import say, wait_for
from tests.lab import spaces
from tests.lab.spaces import Space
from tests.lab.ssds import told

pytestmark = pytest.mark.full

WRITE = """\
import mmap, os, sys
path, offset, text = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
device = mmap.mmap(os.open(path, os.O_RDWR), -(-(offset + len(text)) // (2 << 20)) * (2 << 20))
device[offset:offset + len(text)] = text
"""


def test_a_namespace_disabled_and_enabled_is_away_meanwhile(lab: Lab) -> None:
    with lab.steps.step("all namespaces are offered", 120):
        spaces.wait_until_all_offered(lab)
    space = spaces.look(lab)["ns1"]
    with lab.steps.step("one is disabled and withdrawn", 120):
        lab.machine.channel.run(["ndctl", "disable-namespace", space.dev])
        wait_for(lambda: spaces.offered(lab, "LAB") == len(PMEM["LAB"]) - 1, 3, lab.check)
    with lab.steps.step("it is enabled and offered", 120):
        lab.machine.channel.run(["ndctl", "enable-namespace", space.dev])
        spaces.wait_until_all_offered(lab)
    assert spaces.look(lab)["ns1"].uuid == space.uuid


def test_a_namespace_disabled_under_a_guest_stays_that_guests_and_is_cleaned_when_it_is_back(
    lab: Lab, chance: Chance
) -> None:
    nonce = chance.nonce()
    with lab.steps.step("a server has a namespace and writes to it", 360):
        spaces.wait_until_all_offered(lab)
        image = lab.images.guest(f"accel.pmem_nonce={nonce} accel.pmem_offset=4096")
        server = lab.cloud.boot("robbed", lab.cloud.flavor("far", {"hw:pmem": "FAR"}), image)
        servers.wait_for_status(lab, server, "ACTIVE")
        assert guest.seen_pmem(servers.wait_for_console(lab, server))[0].wrote
        space = spaces.look(lab)["ns2"]
    with lab.steps.step("it is disabled, which no tool refuses, and stays the server's", 180):
        lab.machine.channel.run(["ndctl", "disable-namespace", space.dev])
        said = wait_for(lambda: told(lab, space.dev, "disabled"), 3, lab.check)
    say("\n".join(f"  {line}" for line in said[-2:]))
    assert server in spaces.consumers(lab, "FAR")
    assert spaces.states(lab, space) == {"assigned"}
    assert lab.cloud.status(server) == "ACTIVE"
    with lab.steps.step("when the server is deleted it is not offered, and its content is there", 180):
        servers.delete(lab, server)
        wait_for(lambda: spaces.states(lab, space) != {"assigned"}, 2, lab.check)
        say(f"  {spaces.states(lab, space)}: {spaces.reason(lab, space)}")
    assert spaces.offered(lab, "FAR") <= 0
    assert space.holds(f"{nonce}-0", 4096)
    with lab.steps.step("it is enabled, an operator has it cleaned, and it is offered", 300):
        lab.machine.channel.run(["ndctl", "enable-namespace", space.dev])
        wait_for(lambda: ledger.read(lab.machine).verdict(space.uuid).reason == "eligible", 3, lab.check)
        try:
            clean(lab, space)
        except CommandFailed:
            # Only nova-compute's own next try, a minute after the first, may have been there before the operator.
            assert spaces.states(lab, space) <= {"cleaning", "available"}
        spaces.wait_until_all_offered(lab)
    assert space.is_zero


def test_a_namespace_made_again_is_another_one_and_not_offered_with_the_old_content(lab: Lab, chance: Chance) -> None:
    with lab.steps.step("all namespaces are offered", 120):
        spaces.wait_until_all_offered(lab)
    space, nonce = spaces.look(lab)["ns2"], chance.nonce()
    offset = chance.offset(space.size_bytes, len(nonce))
    with lab.steps.step("while nova-compute is down, one is destroyed and made again, with data", 120):
        lab.compute.kill()
        lab.machine.channel.run(f"ndctl destroy-namespace --force {space.dev}")
        lab.machine.channel.run(
            f"ndctl create-namespace -m devdax -a 2M -n ns2 -s {_raw_bytes(space.size_bytes)}"
            f" -r region{space.dev.removeprefix('namespace').partition('.')[0]}"
        )
        again = spaces.look(lab)["ns2"]
        lab.machine.channel.run(["python3", "-c", WRITE, again.path, str(offset), nonce])
        assert again.holds(nonce, offset)
    say(f"  {space.dev} {space.uuid}, then {again.dev} {again.uuid}")
    assert again.uuid != space.uuid
    with lab.steps.step("nova-compute starts again and says why it is not offered", 300):
        lab.start_compute()
        reason = wait_for(lambda: spaces.reason(lab, again), 3, lab.check)
    say(f"  {reason}")
    assert "holds data" in reason
    assert spaces.offered(lab, "FAR") == 0
    with lab.steps.step("an operator has it cleaned, and it is offered", 300):
        clean(lab, again, "--erase-foreign-data")
        spaces.wait_until_all_offered(lab)
    assert again.is_zero


def clean(lab: Lab, space: Space, *options: str) -> None:
    """``nova-accel device clean``, as an operator runs it."""
    user = ["setpriv", "--reuid=nova", "--regid=nova", "--init-groups"]
    command = [f"{sys.prefix}/bin/nova-accel", "--config-file", "/etc/nova/nova.conf", "device", "clean"]
    said = lab.machine.channel.run([*user, *command, *options, space.uuid], limit_s=240)
    say(f"  {said.strip()}")


def _raw_bytes(dax_bytes: int) -> int:
    """What to ask ndctl for to get a dax device of that size: it takes some for itself, and wants multiples of 16 MiB."""
    return -(-dax_bytes // (16 << 20)) * (16 << 20)
