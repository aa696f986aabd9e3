"""What libvirt's other domains have, and what Nova's own passthrough names, is not offered."""

import pytest

from nova_accel.virt import nova_private
from tests.functional import base
from tests.functional.base import namespaces, ssds

FOREIGN = """
<domain type='kvm'><name>mine</name><uuid>9f8b3f0e-5d0b-4d2c-8f0e-4a559a3b2c7f</uuid><memory>1024</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices>{devices}</devices></domain>
"""
HOSTDEV = """<hostdev mode='subsystem' type='pci' managed='yes'>
<source><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source></hostdev>"""


class OtherOwnersTest(base.AccelTestCase):
    def verdicts(self) -> dict[str, str]:
        return {one.identity: one.reason for one in self.ledger().sightings.all().values()}

    def look_again(self) -> None:
        self.computes["compute1"].driver._accel.work()

    @pytest.mark.essential
    def test_an_ssd_that_a_stopped_domain_of_somebody_else_has_is_not_offered_until_that_is_gone(self) -> None:
        self.start_host("compute1", *ssds(2))
        connection = self.computes["compute1"].driver._host.get_connection()
        foreign = connection.defineXML(FOREIGN.format(devices=HOSTDEV))
        self.look_again()
        assert self.verdicts() == {"SN01": "other domain", "SN02": "eligible"}
        assert self.state("SN01") == "dirty"
        assert self.inventory("SN01")["reserved"] == 1
        foreign.undefine()
        self.look_again()
        assert self.verdicts()["SN01"] == "eligible"

    def test_the_domain_of_the_server_that_has_it_is_no_stranger(self) -> None:
        self.start_host("compute1", *ssds(1))
        self.boot(self.ssd_flavor())
        self.look_again()
        assert self.verdicts() == {"SN01": "eligible"}

    def test_a_look_without_libvirt_offers_nothing_new_and_forgets_nothing(self) -> None:
        machine = self.start_host("compute1", *ssds(1))
        machine.plug(base.FakeSsd("0000:02:00.0", "SN02"))

        def refuses(driver: object) -> None:
            raise RuntimeError("libvirt is away")

        with base.patched(nova_private, "domain_xmls", refuses):
            self.look_again()
        assert self.verdicts() == {"SN01": "not checked", "SN02": "not checked"}
        assert self.state("SN01") == "available"
        self.look_again()
        assert self.verdicts() == {"SN01": "eligible", "SN02": "eligible"}

    def test_what_novas_own_options_name_too_is_refused(self) -> None:
        self.flags(device_spec=['{"address": "*:01:00.*"}'], group="pci")
        self.start_host("compute1", *ssds(2), namespaces=namespaces("ns0", "ns3"))
        # Only now, because LibvirtDriver would look for it with ndctl as it starts.
        self.flags(pmem_namespaces=["6GB:ns0"], group="libvirt")
        self.look_again()
        reasons = sorted(self.verdicts().values())
        assert reasons == ["double owner", "double owner", "eligible", "eligible"]
        assert self.verdicts()["SN01"] == "double owner"
