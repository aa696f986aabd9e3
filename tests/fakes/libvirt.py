"""Mends Nova's fake libvirt where the real one does something else that we rely on."""

import fixtures
from lxml import etree
from nova.tests.fixtures import libvirt as fakelibvirt


class UserAliasesAreKept(fixtures.Fixture):
    """libvirt gives back an alias that begins with ``ua-``; the fake numbers all host devices anew."""

    def _setUp(self) -> None:  # noqa: N802  the fixtures library's name
        described = fakelibvirt.Domain.XMLDesc

        def xml_desc(domain: fakelibvirt.Domain, flags: int) -> str:
            root = etree.fromstring(described(domain, flags))
            infos = domain._def["devices"]["hostdevs"]
            for info, element in zip(infos, root.iterfind("devices/hostdev"), strict=True):
                if info.get("alias", "").startswith("ua-"):
                    element.find("alias").set("name", info["alias"])
            return etree.tostring(root).decode()

        self.useFixture(fixtures.MonkeyPatch("nova.tests.fixtures.libvirt.Domain.XMLDesc", xml_desc))
