"""Servers that have nothing from us, although an option, a flavor or the ledger may make it seem so, start as without us."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from nova_accel.exception import HandleUnavailable, LedgerError
from nova_accel.virt import claimed
from tests.unit.one_host import ONE, OTHER, SERVER, ssd, start

NATIVE = f"""<domain><devices><hostdev mode='subsystem' type='pci' managed='yes'><source>
<address domain='0x0000' bus='0x{ONE[5:7]}' slot='0x{ONE[8:10]}' function='0x{ONE[11:]}'/></source></hostdev></devices></domain>"""


def named_by_nova_too(bench, *domains):
    """An option of Nova's names every PCI function, and libvirt's domains have the first SSD."""
    has = {ONE: frozenset(domains)} if domains else {}
    bench.others[0] = replace(bench.others[0], domains=has, owner_of_pci=lambda record: "[pci] device_spec")
    bench.service.work()


def verdict(bench):
    return bench.service.inventory.snapshot.candidates[0].verdict.reason.value


def test_a_server_that_has_a_device_from_nova_itself_starts_also_after_a_look_has_seen_it(make_bench):
    bench = make_bench(ssd())
    named_by_nova_too(bench)
    bench.service.guests.prepare([], OTHER, NATIVE)
    named_by_nova_too(bench, OTHER)
    assert verdict(bench) == "other domain"
    bench.service.guests.prepare([], OTHER, NATIVE)


def test_what_a_server_has_from_us_is_not_novas_to_give(make_bench):
    bench = make_bench(ssd())
    start(bench, "SN1")
    named_by_nova_too(bench, SERVER)
    with pytest.raises(HandleUnavailable, match="from somewhere else"):
        bench.service.guests.prepare([], OTHER, NATIVE)


def server(**extra_specs):
    specs = {key.replace("__", ":"): value for key, value in extra_specs.items()}
    return SimpleNamespace(uuid=SERVER, flavor=SimpleNamespace(extra_specs=specs))


def unreadable():
    raise LedgerError("ledger.sqlite", "disk I/O error")


class Resource(SimpleNamespace):
    """As much of Nova's as is looked at."""

    def __contains__(self, name):
        return hasattr(self, name)


NATIVE_PMEM = Resource(resource_class="CUSTOM_PMEM_NAMESPACE_6GB", identifier="ns0", metadata=object())
OURS = Resource(resource_class="CUSTOM_SSD", identifier="SN1")


@pytest.mark.parametrize(
    ("instance", "resources"),
    [(server(resources__CUSTOM_LICENCE="1"), []), (server(hw__pmem="6GB"), [NATIVE_PMEM])],
    ids=["a class of provider.yaml", "Nova's own vPMEM"],
)
def test_a_server_without_our_devices_does_not_wait_for_the_ledger(instance, resources):
    assert claimed.handles(instance, resources, unreadable) == []


@pytest.mark.parametrize(
    ("instance", "resources"),
    [
        (server(resources1__CUSTOM_SSD="1"), []),
        (server(hw__pmem="6GB"), []),
        (server(resources1__CUSTOM_SSD="2"), [OURS]),
    ],
)
def test_a_server_that_may_lack_its_device_does(instance, resources):
    with pytest.raises(LedgerError):
        claimed.handles(instance, resources, unreadable)


def test_what_nova_claimed_is_known_without_the_ledger():
    (found,) = claimed.handles(server(resources1__CUSTOM_SSD="1"), [OURS], unreadable)
    assert (found.resource_class, found.identity) == ("CUSTOM_SSD", "SN1")
