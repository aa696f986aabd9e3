"""The numbers of an SSD's namespaces, as the kernel shows them."""

import pytest

from nova_accel.facts import nvme
from nova_accel.facts.roots import Roots
from nova_accel.model import PciAddress
from tests.fakes.recorded import RecordedHost

AT = PciAddress.parse("0000:01:00.0")


@pytest.fixture
def namespace(tmp_path):
    """Make the folder of one as the kernel shows it."""

    def make(name, nsid=None):
        folder = tmp_path / f"sys/bus/pci/devices/{AT}/nvme/nvme3/{name}"
        folder.mkdir(parents=True)
        if nsid is not None:
            (folder / "nsid").write_text(f"{nsid}\n")

    return make


def test_a_number_is_not_the_one_in_the_name(tmp_path, namespace):
    namespace("nvme3n1", 7)
    namespace("nvme3n2", 1)
    assert nvme.namespace_ids(Roots(sys=tmp_path / "sys"), AT) == {"nvme3n1": 7, "nvme3n2": 1}


def test_with_multipath_it_is_the_head_s(tmp_path, namespace):
    namespace("nvme0c3n1", 7)
    assert nvme.namespace_ids(Roots(sys=tmp_path / "sys"), AT) == {"nvme0n1": 7}


@pytest.mark.parametrize("nsid", [None, "", "0x1", "-1", "\u0661"])
def test_where_the_kernel_does_not_say_there_is_none(tmp_path, namespace, nsid):
    namespace("nvme3n1", nsid)
    namespace("hwmon1", 3)
    assert nvme.namespace_ids(Roots(sys=tmp_path / "sys"), AT) == {}


def test_an_ssd_on_another_driver_shows_none(tmp_path):
    assert nvme.namespace_ids(Roots(sys=tmp_path / "sys"), AT) == {}


def test_every_recorded_namespace_has_its_number(tmp_path):
    host = RecordedHost(tmp_path)
    for one in (host.roots.sys / "bus/pci/devices").iterdir():
        facts = nvme.read(host.roots, PciAddress.parse(one.name))
        assert set(nvme.namespace_ids(host.roots, PciAddress.parse(one.name))) == set(facts.namespaces if facts else ())
