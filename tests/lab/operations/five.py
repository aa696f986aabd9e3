"""Five witnesses asked after an operation, and the table of that: ledger, Placement, Nova's database, libvirt and the devices' bytes."""

from __future__ import annotations

import dataclasses

from lab import claims, content, domain, ledger
from lab.configuration import PMEM
from lab.lab import Lab
from lab.steps import say
from tests.lab import spaces
from tests.lab.operations.tenants import Tenant
from tests.lab.ssds import providers

WITNESSES = ("ledger", "Placement", "Nova", "libvirt", "bytes")
WIDTH = 10


@dataclasses.dataclass
class Table:
    """What was found after each operation."""

    rows: list[tuple[str, list[str]]] = dataclasses.field(default_factory=list)

    def add(self, operation: str, found: list[str]) -> None:
        """Note a row, and fail when a witness says something else than expected."""
        self.rows.append((operation, found))
        wrong = [f"{witness}: {one}" for witness, one in zip(WITNESSES, found, strict=True) if one]
        assert not wrong, f"after {operation}: {'; '.join(wrong)}"

    def show(self) -> None:
        """Print it."""
        width = max((len(operation) for operation, _ in self.rows), default=9)
        say("\n" + " ".join((f"{'operation':<{width}}", *(f"{one:<{WIDTH}}" for one in WITNESSES))))
        for operation, found in self.rows:
            say(" ".join((f"{operation:<{width}}", *(f"{'WRONG' if one else 'ok':<{WIDTH}}" for one in found))))


def kept(lab: Lab, tenant: Tenant, *, state: str = "running", attached: bool = True) -> list[str]:
    """What each witness has against this: the server has the same devices as ever, with what its guest wrote to them.

    :param state: libvirt's word for the domain
    :param attached: whether the domain has them; that of a suspended server has let go of SSDs, not of persistent memory
    """
    entries = ledger.read(lab.machine).handles
    has = {identity: (entries[identity].state, entries[identity].server) for identity in tenant.identities}
    claim = claims.read(lab.run, tenant.server)
    wanted = tenant.written
    return [
        _unless(set(has.values()) == {("assigned", tenant.server)}, has),
        _unless(_allocated(lab, tenant) == (True,) * len(tenant.written), _allocated(lab, tenant)),
        _unless(claim == claims.Claim(tenant.identities, moving=False), claim),
        _unless(_in_domain(lab, tenant, state, attached), domain.state(lab.machine, tenant.server)),
        _unless(_on_devices(lab, tenant, wanted) == wanted, _on_devices(lab, tenant, wanted)),
    ]


def gone(lab: Lab, tenant: Tenant, *, offloaded: bool = False) -> list[str]:
    """What each witness has against this: the server has nothing any more, and what it had is clean and offered.

    :param offloaded: whether the server is still there; Nova then keeps what it had in its database until it is unshelved
    """
    entries = ledger.read(lab.machine).handles
    has = {identity: (entries[identity].state, entries[identity].server) for identity in tenant.identities}
    claim, state = claims.read(lab.run, tenant.server), domain.state(lab.machine, tenant.server)
    data = [content.first_data(lab.machine.backing_image(ssd.name)) for ssd in tenant.ssds]
    clean = not any(one is not None for one in data) and all(space.is_zero for space in tenant.spaces)
    return [
        _unless(set(has.values()) == {("available", None)}, has),
        _unless(not lab.cloud.allocations(tenant.server), lab.cloud.allocations(tenant.server)),
        _unless((offloaded or not claim.identities) and not claim.moving, claim),
        _unless(state == "gone", state),
        _unless(clean, f"data at {data}"),
    ]


def _allocated(lab: Lab, tenant: Tenant) -> tuple[bool, ...]:
    known, labels = providers(lab), {name: label for label, names in PMEM.items() for name in names}
    return (
        *(known[ssd.serial].allocations.keys() == {tenant.server} for ssd in tenant.ssds),
        *(tenant.server in spaces.consumers(lab, labels[space.name]) for space in tenant.spaces),
    )


def _in_domain(lab: Lab, tenant: Tenant, state: str, attached: bool) -> bool:
    if domain.state(lab.machine, tenant.server) != state:
        return False
    if not attached:
        memory = [domain.alias(space.uuid) for space in tenant.spaces]
        return domain.saved_devices(lab.machine, tenant.server) == memory
    known = ledger.read(lab.machine).addresses
    paths = [one.path for one in domain.nvdimms(lab.machine, tenant.server)]
    real = [lab.machine.channel.run(["readlink", "-f", path]).strip() for path in paths]
    return sorted(domain.hostdev_addresses(lab.machine, tenant.server)) == sorted(
        known[ssd.serial] for ssd in tenant.ssds
    ) and real == [space.path for space in tenant.spaces]


def _on_devices(lab: Lab, tenant: Tenant, wanted: tuple[str, ...]) -> tuple[str, ...]:
    images = [lab.machine.backing_image(ssd.name) for ssd in tenant.ssds]
    places = [(image, tenant.offset) for image in images]
    places += [(space.image, space.start + tenant.offset) for space in tenant.spaces]
    lengths = [max(len(one), len(tenant.nonce)) for one in wanted]
    return tuple(
        content.at(image, offset, length).rstrip(b"\0").decode(errors="replace")
        for (image, offset), length in zip(places, lengths, strict=True)
    )


def _unless(fine: bool, found: object) -> str:
    return "" if fine else str(found)
