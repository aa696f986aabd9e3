"""Laws under whatever hypothesis thinks of, and what it once found, each as a test of its own."""

import os

from hypothesis import HealthCheck, settings

from tests.unit.laws.machine import Host

# By default a run that fits between two others of the unit tests, the same every time. For a long one say how many examples.
EXAMPLES = int(os.environ.get("NOVA_ACCEL_LAWS_EXAMPLES", "0"))

Host.TestCase.settings = settings(
    max_examples=EXAMPLES or 150,
    stateful_step_count=50,
    derandomize=not EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    print_blob=True,
)
TestHost = Host.TestCase
