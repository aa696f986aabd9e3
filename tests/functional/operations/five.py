"""Asks five witnesses about every handle of every host: the ledger, Placement, Nova, libvirt and the device itself."""

from collections.abc import Iterable, Iterator

from nova import context as nova_context
from nova import exception as nova_exception
from nova import objects

from nova_accel.ledger.entry import Entry
from nova_accel.ledger.states import State
from nova_accel.xml import domain
from tests.fakes.host import FakeSsd
from tests.fakes.pmem import FakeNamespace
from tests.functional import base
from tests.functional.operations.fates import CLEAN, Fate
from tests.functional.operations.held import NONCE_AT, Difference, Expected, Fates, Held, nonce
from tests.functional.operations.placement import PlacementWitness
from tests.functional.operations.table import ROWS, Row


class Five:
    """The helper of all tests of operations. A handle of which nothing is expected has to be clean and offered."""

    def __init__(self, case: base.AccelTestCase) -> None:
        self._case = case
        self._placement = PlacementWitness(case)
        self._context = nova_context.get_admin_context(read_deleted="yes")
        self._written: dict[Held, str] = {}
        """The server that has last written to a device, for as long as its nonce may be there."""

    def after(self, operation: str, *expected: Expected) -> None:
        """Ask all five, note the row, and fail with one message that names whatever differs."""
        self._refuse_what_nobody_can_be_asked_about(operation, expected)
        by_handle = {held: (one.server, one.fate) for one in expected for held in one.handles}
        differences = sorted(set(self._differences(by_handle)))
        words = "; ".join(dict.fromkeys(one.fate.words for one in expected)) or CLEAN.words
        erased = self._erased(by_handle)
        ROWS.append(Row(operation, words, bool(erased), frozenset(one.witness for one in differences)))
        sentences = "".join(f"\n  {one.witness}: {one.sentence}" for one in differences)
        assert not differences, f"after {operation}, expected {words}:{sentences}"
        self._written = {held: server for held, server in self._written.items() if held not in erased}

    def _refuse_what_nobody_can_be_asked_about(self, operation: str, expected: Iterable[Expected]) -> None:
        """Something that is expected of no handle, of one that no host has, or of one twice, would not be looked at."""
        said = [held for one in expected for held in one.handles]
        assert all(one.handles for one in expected), f"after {operation}, something is expected of no handle"
        strange = set(said) - {held for host in self._case.machines for held in self._devices(host)}
        assert not strange, (
            f"after {operation}, something is expected of {sorted(map(str, strange))}, which no host has"
        )
        assert len(said) == len(set(said)), f"after {operation}, two things are expected of one handle"

    def _erased(self, expected: Fates) -> set[Held]:
        """Devices that still hold what a guest wrote unless they were erased meanwhile, which they must have been."""
        fates = {held: expected.get(held, ("", CLEAN)) for held in self._written}
        return {
            held for held, (owner, fate) in fates.items() if "data" not in fate.content or owner != self._written[held]
        }

    def held(self, server: str, host: str) -> frozenset[Held]:
        """The handles that the ledger of a host gives to a server."""
        return frozenset(Held(host, entry.handle.identity) for entry in self._case.ledger(host).of_server(server))

    def write(self, server: str, handles: Iterable[Held]) -> None:
        """Let the guest write its nonce to each."""
        for held in handles:
            self.device(held).content[NONCE_AT] = nonce(server, held)
            self._written[held] = server

    def content(self, handles: Iterable[Held]) -> list[dict[int, bytes]]:
        """What is on each that is not empty."""
        return [content for held in handles if (content := self.device(held).content)]

    def device(self, held: Held) -> FakeSsd | FakeNamespace:
        """The hardware behind a handle."""
        return self._devices(held.host)[held]

    def _devices(self, host: str) -> dict[Held, FakeSsd | FakeNamespace]:
        machine = self._case.machines[host]
        ssds = {Held(host, ssd.serial): ssd for ssd in machine.ssds.values()}
        return ssds | {Held(host, one.uuid): one for one in machine.pmem.namespaces.values()}

    def _differences(self, expected: Fates) -> Iterator[Difference]:
        for host in self._case.machines:
            entries = {Held(host, one.handle.identity): one for one in self._case.ledger(host).entries().values()}
            fates = {held: expected.get(held, ("", CLEAN)) for held in self._devices(host)}
            domains = self._domains(host)
            for held, (server, fate) in fates.items():
                yield from _ledger(held, entries.get(held), server, fate)
                yield from self._domain(held, domains, server, fate)
                yield from self._device(held, server, fate)
            yield from self._placement.differences(host, entries, fates)
        known = {server for server, _ in expected.values()} | self._servers()
        yield from (one for server in known for one in self._nova(server, expected))

    def _servers(self) -> set[str]:
        return {server.uuid for server in objects.InstanceList.get_all(nova_context.get_admin_context())}

    def _nova(self, server: str, expected: Fates) -> Iterator[Difference]:
        try:
            instance = objects.Instance.get_by_uuid(self._context, server, ["resources", "migration_context"])
        except nova_exception.InstanceNotFound:
            return
        if instance.deleted or instance.host is None:
            return  # Nova leaves the record of a server that is nowhere as it was: nothing can be concluded from it
        move = instance.migration_context
        claims = {
            "resources": instance.resources,
            "old": move and move.old_resources,
            "new": move and move.new_resources,
        }
        for where, claim in claims.items():
            said = sorted(one.identifier for one in claim or [])
            meant = sorted(
                h.identity for h, (owner, fate) in expected.items() if owner == server and where in fate.nova
            )
            if said != meant:
                yield Difference("Nova", f"{where} of server {server} has {said}, not {meant}")

    def _domains(self, host: str) -> dict[str, dict[str, str]]:
        """What is ours in each domain that libvirt knows, by server and identity: where the domain says it is."""
        found = {}
        for guest in self._case.connections[host]._vms.values():
            xml = guest.XMLDesc(0)
            places = {str(at): alias for at, alias in domain.pci_addresses(xml).items()} | domain.nvdimm_paths(xml)
            found[guest.UUIDString()] = {alias: place for place, alias in places.items() if alias is not None}
        return found

    def _domain(self, held: Held, domains: dict[str, dict[str, str]], server: str, fate: Fate) -> Iterator[Difference]:
        owners = {uuid: ours[held.identity] for uuid, ours in domains.items() if held.identity in ours}
        if owners.keys() - {server} or (server in owners) not in fate.domains:
            meant = f"that of server {server}" if fate.domains == {True} else "none"
            yield Difference("domain", f"{held} is in the domain of {sorted(owners)}, not in {meant}")
        device = self.device(held)
        wrong = [place for place in owners.values() if not _is_place(place, device)]
        if wrong:
            yield Difference("domain", f"{held} stands in a domain as {wrong}, where it is not")

    def _device(self, held: Held, server: str, fate: Fate) -> Iterator[Difference]:
        device = self.device(held)
        contents = {"empty": {}, "data": {NONCE_AT: nonce(server, held)}}
        if device.content not in [contents[one] for one in fate.content]:
            yield Difference("device", f"{held} holds {device.content}, not {' or '.join(sorted(fate.content))}")
        if isinstance(device, FakeSsd) and device.bound_to not in fate.drivers:
            yield Difference("device", f"{held} is bound to {device.bound_to}, not {sorted(fate.drivers)}")


def _ledger(held: Held, entry: Entry | None, server: str, fate: Fate) -> Iterator[Difference]:
    if entry is None:
        yield Difference("ledger", f"{held} is not in it")
    elif entry.state.value not in fate.ledger:
        words = f"{held} is {entry.state.value} ({entry.reason}), not {' or '.join(sorted(fate.ledger))}"
        yield Difference("ledger", words)
    elif entry.state is not State.AVAILABLE and entry.server != server:
        yield Difference("ledger", f"{held} is {entry.state.value} to server {entry.server}, not {server}")


def _is_place(place: str, device: FakeSsd | FakeNamespace) -> bool:
    if isinstance(device, FakeSsd):
        return place == device.address
    return place == f"/dev/{device.chardev}" or device.uuid in place
