"""Root's side in the emulated host: no more capabilities than it says, and a tenant's data that the host does not look at."""

from __future__ import annotations

import pathlib

import pytest

from lab.lab import Lab
from lab.machine import Machine
from lab.scenario import Ssd
from tests.lab import spying, tricks, udev

CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_SYS_ADMIN = 1 << 2, 1 << 19, 1 << 21


@pytest.mark.smoke
def test_the_daemons_keep_the_capabilities_they_say_and_no_other(lab: Lab) -> None:
    with lab.steps.step("privsep daemons keep few capabilities", 60):
        found = {name: capabilities(lab.machine, name) for name in ("reading", "acting")}
    assert found == {"reading": {0}, "acting": {CAP_SYS_ADMIN | CAP_SYS_PTRACE | CAP_DAC_READ_SEARCH}}


def capabilities(machine: Machine, context: str) -> set[int]:
    """Effective and permitted capabilities of the daemons of one context, those of sudo around them left out."""
    text = machine.channel.run(
        f"for pid in $(pgrep -f nova_accel.privsep.{context}_pctxt); do"
        " if [ $(cat /proc/$pid/comm) = privsep-helper ]; then grep -E '^Cap(Eff|Prm):' /proc/$pid/status; fi; done"
    )
    return {int(line.split()[1], 16) for line in text.splitlines()}


@pytest.mark.smoke
def test_udev_does_not_look_at_what_a_guest_left_while_it_is_erased(
    lab: Lab, free: list[Ssd], flavor: str, tmp_path: pathlib.Path
) -> None:
    heads = [tricks.file_system(tmp_path), tricks.volume(free[1].size_bytes)]
    found = spying.seen_while_erased(lab, flavor, dict(zip(free, heads, strict=True)))
    assert sorted(one.disk.there for one in found) == ["LVM2_member", "ext4"]
    assert all(one.was_left_alone for one in found), found
    assert not udev.held(lab)


@pytest.mark.full
def test_nothing_is_assembled_of_what_a_guest_left(lab: Lab, free: list[Ssd], flavor: str) -> None:
    with lab.steps.step("what this host assembles by itself is made", 120):
        heads = [tricks.raid(lab.machine), tricks.cache(lab.machine)]
    found = spying.seen_while_erased(lab, flavor, dict(zip(free, heads, strict=True)))
    assert sorted(one.disk.there for one in found) == ["bcache", "linux_raid_member"]
    assert all(one.was_left_alone for one in found), found
    assert not udev.held(lab)
