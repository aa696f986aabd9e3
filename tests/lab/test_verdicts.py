"""Every reason not to give a device away that can be made in L1, found there by nova_accel's own look."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator

import pytest

from lab import folders, initramfs, shapes
from lab.lab import Lab, Wish
from lab.scenario import Chance, no_iommu, verdicts
from lab.steps import Steps, say
from tests.lab.expected import expected

pytestmark = pytest.mark.full

Verdicts = dict[str, dict[str, str]]


@pytest.fixture
def quiet_lab(request: pytest.FixtureRequest, steps: Steps, chance: Chance) -> Iterator[Lab]:
    """L1 alone, without Nova, with the hardware that the test's parameter names."""
    lab = Lab(Wish(request.param(chance)), folders.home(), steps)
    with lab:
        lab.wait_for_l1()
        yield lab
    assert lab.left == []


def look(lab: Lab, names: str) -> Verdicts:
    """One look of nova_accel at L1, as root and in process."""
    program = [f"{sys.prefix}/bin/python", "-W", "ignore", str(initramfs.SCRIPTS / "look.py"), "verdicts", names]
    found: Verdicts = json.loads(lab.machine.channel.run(program, limit_s=300))
    return found


@pytest.mark.parametrize("quiet_lab", [verdicts], indirect=True)
def test_every_shape_made_in_l1_has_its_verdict(quiet_lab: Lab) -> None:
    lab = quiet_lab
    spaces = [space for dimm in lab.wish.scenario.nvdimms for space in dimm.namespaces]
    names = dict.fromkeys(space.label_name for space in spaces if space.name != "not-configured")
    with lab.steps.step("nova_accel looks at L1", 300):
        table = list(csv.DictReader(shapes.table(lab.machine).splitlines(), delimiter="\t"))
        found = look(lab, f"LAB:{'|'.join(names)}")
    for row in table:
        say(f"  {row['name']}: {found[row['address']]['sentence']}")
    assert {(row["kind"], row["name"], found[row["address"]]["reason"]) for row in table} == {
        (row["kind"], row["name"], expected(row["kind"], row["name"], row["shape"]).name) for row in table
    }


@pytest.mark.parametrize("quiet_lab", [no_iommu], indirect=True)
def test_without_an_iommu_only_persistent_memory_is_offered(quiet_lab: Lab) -> None:
    with quiet_lab.steps.step("nova_accel looks at an L1 without IOMMU", 120):
        found = look(quiet_lab, "LAB:ns0")
    del found["warnings"]
    assert sorted(one["reason"] for one in found.values()) == ["ELIGIBLE", "NO_IOMMU"]
