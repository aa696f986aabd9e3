"""What happens on a bench: servers start with its SSDs and write on them, Nova asks for its providers, root's side is called."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from lxml import etree

from nova_accel.model import HandleId
from nova_accel.provider_tree.plan import ClassPlan, ProviderPlan
from tests.fakes.host import FakeSsd
from tests.unit.conftest import Bench, ssd_handle

ONE, TWO = "0000:01:00.0", "0000:02:00.0"
SERVER, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
SECRET = {4096: b"secret"}


def ssd(address: str = ONE, serial: str = "SN1", **more: Any) -> FakeSsd:
    return FakeSsd(address, serial, **more)


def xml_of(bench: Bench, *serials: str, server: str = SERVER) -> str:
    return xml_with(bench, [ssd_handle(serial) for serial in serials], server)


def xml_with(bench: Bench, handles: Sequence[HandleId], server: str) -> str:
    domain = etree.Element("domain")
    devices = etree.SubElement(domain, "devices")
    for device in bench.service.guests.elements(handles, server):
        devices.append(device[1].to_element())
    return etree.tostring(domain).decode()


def start(bench: Bench, *serials: str, server: str = SERVER) -> None:
    start_with(bench, [ssd_handle(serial) for serial in serials], server)


def start_with(bench: Bench, handles: Sequence[HandleId], server: str) -> None:
    bench.service.guests.prepare(handles, server, xml_with(bench, handles, server))


def start_and_write(bench: Bench) -> None:
    """Start a server with the first SSD; its guest leaves a secret there."""
    start(bench, "SN1")
    bench.host.ssds[ONE].content = dict(SECRET)


def fail_to_clean(make_bench: Callable[..., Bench]) -> Bench:
    """A bench whose only SSD a server has released, and cleaning it has failed; it would not fail again."""
    bench = make_bench(ssd(erases=False))
    start_and_write(bench)
    bench.service.release(SERVER, "Nova deleted it")
    assert bench.state("SN1") == "clean failed"
    bench.host.ssds[ONE].erases = True
    return bench


def providers(bench: Bench, claimed: Collection[HandleId] | None = None) -> dict[str, ProviderPlan]:
    return {plan.name: plan for plan in bench.service.providers("node", claimed)}


def classes(bench: Bench, claimed: Collection[HandleId] | None = None) -> list[ClassPlan]:
    """The only class of each provider."""
    return [next(iter(plan.classes.values())) for plan in providers(bench, claimed).values()]


def calls(bench: Bench, *names: str) -> list[tuple[str, ...]]:
    """Those of certain names that root's side got, in their order."""
    return [call for call in bench.host.calls if call[0] in names]
