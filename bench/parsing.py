"""Reading 16, 256 and 1024 SSDs from lspci's output, beside Cyborg's discover_ssds."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import listing
from bench.timing import medians_ms
from nova_accel.conf import Settings
from nova_accel.drivers.base import SeenFunction
from nova_accel.drivers.inspur import InspurNvmeSsdDriver
from nova_accel.model import Device
from nova_accel.parsers import lspci

COUNTS = (16, 256, 1024)
CHECKOUT = Path(__file__).parents[1]
TIMEOUT_S = 600


@dataclass(frozen=True)
class Parsing:
    """Median times for one number of records, from lspci's text to described devices."""

    records: int
    ours_ms: float
    cyborg_ms: float | None
    """None where Cyborg is not there."""


def measure(rounds: int, cyborg: Path | None) -> tuple[list[Parsing], str]:
    """Time both, and give Cyborg's version with it; why it was not timed, where it was not."""
    ours = medians_ms({str(count): _discovery(count) for count in COUNTS}, rounds)
    theirs, what = _cyborgs(rounds, cyborg)
    return [Parsing(count, ours[str(count)], theirs.get(str(count))) for count in COUNTS], what


def _discovery(count: int) -> Callable[[], object]:
    text = listing.numeric(count)
    settings = Settings(("inspur_nvme_ssd_driver",), (), discovery_interval_s=0, ledger_path="", cleaning_record="")
    driver = InspurNvmeSsdDriver(settings)

    def discover() -> list[Device]:
        seen = [SeenFunction(record, "1", 0, str(record.address)) for record in lspci.parse(text).records]
        found = [driver.device(function) for function in seen if driver.wants(function)]
        assert len(found) == count
        return found

    return discover


def _cyborgs(rounds: int, python: Path | None) -> tuple[dict[str, float], str]:
    if python is None or not python.exists():
        return {}, "Cyborg is not installed"
    command = [python, "-m", "bench.cyborg", str(rounds), *map(str, COUNTS)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=TIMEOUT_S)
    if done.returncode:
        return {}, f"Cyborg failed: {done.stderr.strip().splitlines()[-1]}"
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["discover_ssds_ms"], f"Cyborg {answer['version']}"
