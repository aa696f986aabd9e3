"""Which of our handles a server has, by what Nova claimed for it."""

from collections import Counter
from collections.abc import Callable, Iterable, Set
from typing import Any

from nova_accel.exception import HandleUnavailable, LedgerError
from nova_accel.model import HandleId
from nova_accel.request import flavor, order
from nova_accel.virt import nova_database

_OURS = ("CUSTOM_SSD", "CUSTOM_PMEM_NAMESPACE_")
"""How the classes begin that are offered by drivers of ours, where the ledger does not say."""


def handles(instance: Any, resources: Iterable[Any], ours_now: Callable[[], Set[str]]) -> list[HandleId]:
    """In the order in which the server's flavor asks for them, and as many as it asks for.

    :param resources: ``objects.Resource`` that Nova has for the server
    :param ours_now: tells the resource classes whose handles are ours, as far as is known; not asked for a server without any
    :raises HandleUnavailable: when Nova claimed fewer or more, so that no server starts without its device
    :raises LedgerError: when only a ledger that cannot be read knows whether that is so
    """
    resources, asked = list(resources), flavor.asked(instance.flavor.extra_specs)
    if not resources and not asked:
        return []
    found = [HandleId(one.resource_class, one.identifier) for one in resources if not nova_database.is_novas_own(one)]
    # Also those of which a ledger that was lost knows nothing: the server must not start without them.
    of_found = {handle.resource_class for handle in found}
    unreadable: LedgerError | None = None
    try:
        ours = ours_now() | of_found
    except LedgerError as error:  # a server that has nothing to do with us is not to wait for it
        ours, unreadable = {name for name in asked if name.startswith(_OURS)} | of_found, error
    wanted = Counter({name: asked[name] for name in ours & asked.keys()})
    wanted -= Counter(one.resource_class for one in resources if nova_database.is_novas_own(one))
    if Counter(handle.resource_class for handle in found) != wanted:
        if unreadable is not None:
            raise unreadable
        claimed = ", ".join(map(str, found)) or "none"
        raise HandleUnavailable(
            ", ".join(sorted(ours & asked.keys())), instance.uuid, f"Nova claimed {claimed} for its flavor"
        )
    return order.ordered(found, instance.flavor.extra_specs)
