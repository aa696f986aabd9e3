"""What this package asks of Nova, as functions; the driver gives the real ones."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from nova_accel.discovery.memory import Others
from nova_accel.provider_tree.apply import Leftover
from nova_accel.virt.reconcile import ClaimantsOf, Claims, Placed
from nova_accel.virt.release import FactsOf


@dataclass(frozen=True)
class NovaSide:
    """What this package asks of Nova."""

    host: str
    """This host, as Nova names it."""
    domains: Callable[[], Mapping[str, Collection[str]]]
    """What each domain has that libvirt knows on this host: PCI addresses and paths, by the server's uuid."""
    facts: FactsOf
    """What Nova's database says about a server; None when it does not know it."""
    changed: Callable[[], None]
    """Called, with no lock held, when Placement should hear of a change."""
    consumers: Callable[[Leftover], Collection[str]]
    """Who has an allocation in Placement from a resource class of a provider, by their uuids."""
    others: Callable[[], Others] = Others
    """Who else may have, or give away, a device of this host."""
    forgotten: Callable[[str], str] = lambda _: ""
    """Why nobody will ever give back what a consumer has, or nothing if a server or a move stands for it."""
    claims: Callable[[], Claims] = Claims
    """What Nova's database says that servers have on this host, and what they had here before moves that are not over."""
    claimants: ClaimantsOf = dict
    """Which servers Nova's database gives handles of this host to, whatever is happening to them."""
    stopped: Callable[[], Collection[str]] = tuple
    """Servers whose domain libvirt keeps here and does not run."""
    undefine: Callable[[str], None] = lambda _: None
    """Take such a domain away."""
    placed: Callable[[], Collection[Placed]] = tuple
    """What of ours stands in the XML of libvirt's domains."""
