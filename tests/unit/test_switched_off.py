"""While no driver is enabled nobody looks at the devices: what was free then is read before it is offered again."""

import logging
import re
import subprocess
from pathlib import Path
from unittest import mock

import pytest

from nova_accel.virt import switched_off
from tests.functional.operations.documented import RETIRE
from tests.unit.conftest import DELETED
from tests.unit.one_host import ONE, SECRET, SERVER, TWO, ssd, start


@pytest.fixture
def off(make_bench, settings):
    """nova-compute ran without a driver meanwhile; a server has the first SSD, the second is free."""

    def run():
        bench = make_bench(ssd(), ssd(TWO, "SN2"))
        start(bench, "SN1")
        calls = len(bench.host.calls)
        switched_off.note(bench.host, settings.ledger_path)
        assert len(bench.host.calls) == calls
        return bench

    return run


@pytest.mark.parametrize("content", [{}, {0: b"of a server that had it through Nova's own passthrough"}])
def test_what_was_free_is_read_again(off, make_bench, content):
    bench = off()
    bench.host.ssds[TWO].content = dict(content)
    again = make_bench(host=bench.host)
    assert again.state("SN2") == ("dirty" if content else "available")


def test_what_a_server_has_is_known_and_cleaned_after_it(off, make_bench):
    bench = off()
    bench.host.ssds[ONE].content = dict(SECRET)
    again = make_bench(host=bench.host)
    assert again.state("SN1") == "assigned"
    again.servers[SERVER] = DELETED
    again.service.work()
    assert (again.state("SN1"), bench.host.ssds[ONE].content) == ("available", {})


def test_the_documented_commands_set_the_whole_ledger_aside(make_bench, settings):
    bench = make_bench(ssd())
    start(bench, "SN1")
    ledger = Path(settings.ledger_path)
    beside = {one.name for one in ledger.parent.iterdir()}
    assert {ledger.name, f"{ledger.name}.claims"} <= beside
    (commands,) = re.findall(r"(?ms)^ +ledger=\S+ .*?^( +for file in .*?done)$", RETIRE.read_text())
    subprocess.run(["bash", "-euc", f"ledger={ledger}\n{commands}"], check=True)
    assert {one.name for one in ledger.parent.iterdir()} == {f"{name}.aside" for name in beside}


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_a_ledger_that_cannot_be_looked_for_stops_nothing(make_bench, settings, caplog, error):
    bench = make_bench(ssd())
    with mock.patch.object(Path, "exists", side_effect=error):
        switched_off.note(bench.host, settings.ledger_path)
    assert "Set the ledger aside before you enable a driver again" in caplog.text


def test_no_ledger_is_made(make_bench, settings):
    host = make_bench(ssd()).host
    Path(settings.ledger_path).unlink()
    switched_off.note(host, settings.ledger_path)
    assert not Path(settings.ledger_path).exists()


def test_a_ledger_that_cannot_be_used_is_said_and_stops_nothing(make_bench, settings, caplog):
    host = make_bench(ssd()).host
    Path(settings.ledger_path).write_bytes(b"no ledger, but long enough to be looked at as one" * 100)
    switched_off.note(host, settings.ledger_path)
    assert [one.levelno for one in caplog.records if "Set the ledger aside" in one.message] == [logging.ERROR]
