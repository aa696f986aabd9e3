"""What an operator's provider.yaml adds to a provider of ours."""

from pathlib import Path

from nova_accel.ledger.states import State
from tests.functional import base

ADDITION = """
meta:
  schema_version: '1.0'
providers:
  - identification:
      name: compute1_accel_ssd_SN01
    inventories:
      additional:
        - CUSTOM_FAN:
            total: 4
    traits:
      additional:
        - CUSTOM_RACK_7
"""


class ProviderConfigTest(base.AccelTestCase):
    def setUp(self) -> None:
        super().setUp()
        folder = Path(self.folder, "provider_config")
        folder.mkdir()
        (folder / "fans.yaml").write_text(ADDITION)
        self.flags(provider_config_location=str(folder), group="compute")

    def added(self) -> tuple[object, bool]:
        uuid = self.provider("SN01")["uuid"]
        fans = self._get_provider_inventory(uuid).get("CUSTOM_FAN", {}).get("total")
        return fans, "CUSTOM_RACK_7" in self._get_provider_traits(uuid)

    def test_it_stays_and_fails_no_claim(self) -> None:
        machine = self.start_host("compute1", *base.ssds(1))
        self.audit()  # the first one made the provider
        assert self.added() == (4, True)
        server = self.boot(self.ssd_flavor())
        self.audit()
        self._delete_server(server)
        self.audit()
        assert self.added() == (4, True)
        machine.unplug("0000:01:00.0")
        self.computes["compute1"].driver._accel.work()
        self.audit()
        assert self.added() == (4, True)
        assert self.entry("SN01").state is State.AVAILABLE
