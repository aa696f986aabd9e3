"""What hypothesis found in the laws, in as few steps as show it."""

import pytest

from nova_accel.exception import AccelError
from tests.fakes.host import FakeSsd
from tests.unit.test_service import ONE, ssd, start, xml_of

SERVER = "11111111-1111-4111-8111-111111111111"


def put_back(host, address):
    """Take an SSD out and put it into its slot again; the kernel's nvme driver takes it."""
    taken: FakeSsd = host.unplug(address)
    taken.bound_to, taken.override = "nvme", ""
    host.plug(taken)


@pytest.mark.xfail(
    strict=True,
    reason="it is bound to vfio-pci before it shows that it was away, and then shows its serial number to nobody any more",
)
def test_a_stopped_servers_ssd_that_was_out_of_its_slot_is_known_again_after_a_start_before_the_next_look(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1", server=SERVER)
    xml = xml_of(bench, "SN1", server=SERVER)
    put_back(bench.host, ONE)
    with pytest.raises(AccelError, match="another device"):
        bench.service.guests.prepare([bench.entry("SN1").handle], SERVER, xml)
    bench.service.work()
    start(bench, "SN1", server=SERVER)
    assert bench.host.ssds[ONE].bound_to == "vfio-pci"
