"""What uses Nova's functional base runs beside the unit tests, in a process of its own: its monkey patching must not come near them."""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def run_module(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m`` with it from the checkout, under native threads, for 10 minutes at most."""
    own = {"PYTHONPATH": str(CHECKOUT), "PYTHONWARNINGS": "ignore", "OS_NOVA_DISABLE_EVENTLET_PATCHING": "1"}
    return subprocess.run(
        [sys.executable, "-m", name, *arguments],
        cwd=CHECKOUT,
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
