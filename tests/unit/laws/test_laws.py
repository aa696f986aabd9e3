"""Laws under whatever hypothesis thinks of. What it found stands in :mod:`tests.unit.laws.test_found`, each as a test of its own.

The run is the same every time and fits between the other unit tests. For a long one, with other examples each time, say how many:
``NOVA_ACCEL_LAWS_EXAMPLES=5000 pytest tests/unit/laws``.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from nova_accel.cleaning.eraser import Proof
from nova_accel.cleaning.pmem import NamespaceEraser
from nova_accel.cleaning.ssd import SsdEraser
from nova_accel.ledger import claimable
from tests.unit.laws.machine import Host

EXAMPLES = int(os.environ.get("NOVA_ACCEL_LAWS_EXAMPLES", "0"))

hard = settings(
    max_examples=EXAMPLES or 100,
    stateful_step_count=40,
    derandomize=not EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    print_blob=True,
)
sabotaged = settings(hard, max_examples=500, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)

Host.TestCase.settings = hard
TestHost = Host.TestCase


def _gives_back_only(eraser, handle, progress):
    if isinstance(eraser, SsdEraser):
        eraser._host.bring_back(handle.address)
        eraser._host.settle(handle.address)
    return Proof("nothing", "not at all")


def test_a_cleaner_that_does_nothing_breaks_a_law(monkeypatch):
    monkeypatch.setattr(SsdEraser, "erase_and_verify", _gives_back_only)
    monkeypatch.setattr(NamespaceEraser, "erase_and_verify", _gives_back_only)
    with pytest.raises(AssertionError, match=r"holds something|with content|is given|left something|lost for good"):
        run_state_machine_as_test(Host, settings=sabotaged)


def test_a_claim_that_ignores_use_breaks_a_law(monkeypatch):
    monkeypatch.setattr(claimable, "_why_not", lambda one, server: "")
    with pytest.raises(BaseException, match=r"is given|noted for|there can be no"):
        run_state_machine_as_test(Host, settings=sabotaged)
