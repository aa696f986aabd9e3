"""What a failed suspend leaves out of a guest is told, whoever had put it there."""

from types import SimpleNamespace

import pytest

from nova_accel.virt import suspend

PORT = "<interface type='hostdev'><source><address type='pci' domain='0' bus='0xaf' slot='0' function='1'/></source></interface>"


def suspended_in_vain(before, after):
    texts = [f"<domain><devices>{one}</devices></domain>" for one in (before, after)]
    with suspend.nothing_lost(SimpleNamespace(get_xml_desc=lambda: texts.pop(0)), "one"):
        raise OSError("the disk is full")


def test_a_port_that_nova_took_out_and_did_not_put_back_counts():
    with pytest.raises(suspend.RunsWithout, match=r"the disk is full.*0000:af:00\.1 did not come back"):
        suspended_in_vain(PORT, "")


@pytest.mark.parametrize(("before", "after"), [(PORT, PORT), ("", ""), ("", PORT)])
def test_a_failure_that_costs_nothing_stays_what_it_is(before, after):
    with pytest.raises(OSError, match="the disk is full"):
        suspended_in_vain(before, after)
