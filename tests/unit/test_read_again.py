"""What an older ledger does not know to be clean is read again, wherever it is."""

import shutil
from pathlib import Path

import pytest

from tests.fakes.host import FakeHost
from tests.unit.conftest import DELETED
from tests.unit.one_host import ONE, SERVER, ssd, start


@pytest.fixture
def put_back(make_bench, settings, tmp_path):
    """A backup of the ledger is put back, of a time when the SSD was free; a server had it since and is deleted, not yet cleaned."""

    def begin(content):
        host = FakeHost(tmp_path / "host", [ssd()])
        bench = make_bench(host=host)
        ledger = Path(settings.ledger_path)
        shutil.copy(ledger, tmp_path / "backup")
        start(bench, "SN1")
        host.ssds[ONE].content = dict(content)
        for beside in ledger.parent.glob(f"{ledger.name}-*"):
            beside.unlink()
        shutil.copy(tmp_path / "backup", ledger)
        again = make_bench(host=host, begun=False)
        again.servers[SERVER] = DELETED
        again.service.work()
        return again

    return begin


def test_an_empty_one_on_vfio_pci_is_offered(put_back):
    bench = put_back({})
    assert bench.state("SN1") == "available"
    assert (bench.host.ssds[ONE].bound_to, bench.host.ssds[ONE].override) == ("nvme", "")


def test_one_with_data_stays_on_vfio_pci_and_is_not_bound_again_and_again(put_back):
    bench = put_back({0: b"a tenant's"})
    for _ in range(3):
        bench.service.work()
    assert bench.state("SN1") == "dirty"
    assert "nvme0n1 at byte 0 holds data that no server released" in bench.reason("SN1")
    assert (bench.host.ssds[ONE].bound_to, bench.host.ssds[ONE].content) == ("vfio-pci", {0: b"a tenant's"})
    assert len([call for call in bench.host.calls if call[0] == "bring_back"]) == 1
