"""With nothing of ours configured, Nova's own functional tests say the same over our driver as over LibvirtDriver."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
OURS = "nova_accel.virt.driver.AccelLibvirtDriver"
TIMEOUT_S = 40 * 60


class Run(NamedTuple):
    """What one run of Nova's tests over one driver gave."""

    services: dict[str, int]
    tests: dict[str, str]
    took_s: float
    log: Path

    def end_of_log(self) -> str:
        return self.log.read_text(errors="replace")[-6000:]


def modules() -> list[str]:
    lines = (HERE / "modules.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def run_over(compute_driver: str, folder: Path) -> Run:
    """Run the modules in a process of their own; its output stays in the folder and is shown if it breaks."""
    folder.mkdir()
    report, log = folder / "report.json", folder / "log.txt"
    # Nova's fixtures look for api-paste.ini in site-packages; its wheel puts it in <prefix>/etc/nova.
    environment = os.environ | {"OS_WSGI__API_PASTE_CONFIG": str(Path(sys.prefix, "etc/nova/api-paste.ini"))}
    command = [sys.executable, str(HERE / "run_modules.py"), compute_driver, str(report), *modules()]
    started = time.monotonic()
    with log.open("w") as output:
        subprocess.run(command, cwd=folder, env=environment, stdout=output, stderr=output, timeout=TIMEOUT_S)
    if not report.exists():
        pytest.fail(f"the run over {compute_driver} broke off:\n{log.read_text()[-4000:]}")
    return Run(**json.loads(report.read_text()), took_s=time.monotonic() - started, log=log)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Both runs, side by side: two processes, neither of which keeps a core busy."""
    folder = tmp_path_factory.mktemp("upstream")
    drivers = ["libvirt.LibvirtDriver", "accel.AccelLibvirtDriver"]
    with ThreadPoolExecutor(len(drivers)) as pool:
        found = pool.map(lambda name: run_over(name, folder / name), drivers)
        return dict(zip(["theirs", "ours"], found, strict=True))


def test_each_compute_service_ran_with_exactly_our_driver(runs: dict[str, Run]) -> None:
    services = runs["ours"].services
    print(f"\ncompute services that ran with type(driver) is AccelLibvirtDriver: {services.get(OURS, 0)}")
    assert services.get(OURS, 0) > 0
    assert set(services) == {OURS}
    assert OURS not in runs["theirs"].services
    assert services[OURS] == sum(runs["theirs"].services.values())


def test_the_same_tests_pass_as_without_us(runs: dict[str, Run]) -> None:
    theirs, ours = runs["theirs"], runs["ours"]
    passed = [name for name, word in ours.tests.items() if word == "passed"]
    print(f"\n{len(passed)} of {len(ours.tests)} tests passed over our driver in {ours.took_s:.0f} s,")
    print(f"over LibvirtDriver in {theirs.took_s:.0f} s: {', '.join(modules())}")
    assert "failed" not in theirs.tests.values(), f"Nova's tests fail without us too:\n{theirs.end_of_log()}"
    assert ours.tests == theirs.tests, ours.end_of_log()
    assert passed


def test_every_module_of_the_list_was_run(runs: dict[str, Run]) -> None:
    for module in modules():
        assert any(name.startswith(f"{module}.") for name in runs["ours"].tests), module
