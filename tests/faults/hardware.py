"""What hardware and its operators do to devices behind nova-compute's back."""

from collections.abc import Callable

from tests.fakes.pmem import FakeNamespace
from tests.faults import acts, rules
from tests.faults.cloud import HOST, Cloud
from tests.faults.moments import try_to
from tests.faults.survival import go_on

_ONE, _TWO = "0000:01:00.0", "0000:02:00.0"


def swap_addresses(cloud: Cloud) -> None:
    """Somebody pulls out both SSDs and puts each in the other's slot."""
    host = cloud.machines[HOST].inner
    one, two = host.unplug(_ONE), host.unplug(_TWO)
    for ssd, address in ((one, _TWO), (two, _ONE)):
        ssd.address, ssd.bound_to, ssd.override = address, "nvme", ""
        host.plug(ssd)
    cloud.machines[HOST].keep()


def swapped_while_free(cloud: Cloud) -> None:
    cloud.start()
    swap_addresses(cloud)
    cloud.round()
    go_on(cloud)


def swapped_before_a_new_server(cloud: Cloud) -> None:
    """No look between: the claim is by what was seen before."""
    cloud.start()
    swap_addresses(cloud)
    try_to(lambda: acts.boot(cloud, "ERROR"))
    go_on(cloud)


def swapped_while_stopped(cloud: Cloud) -> None:
    """The stored XML has the old address, where the other SSD is now."""
    acts.started_with_a_server(cloud)
    (server,) = cloud.api.get_servers()
    cloud.api.post_server_action(server["id"], {"os-stop": None})
    cloud._wait_for_state_change(server, "SHUTOFF")
    swap_addresses(cloud)
    try_to(lambda: cloud.api.post_server_action(server["id"], {"os-start": None}))
    go_on(cloud)


def swapped_between_delete_and_cleaning(cloud: Cloud) -> None:
    """A cleaning that begins with the old address in mind must not erase the other one."""
    acts.started_with_a_server(cloud)
    acts.boot(cloud)
    _, server = cloud.api.get_servers()
    machine = cloud.machines[HOST]
    machine.broken = {"bring_back": acts.refuse("bring_back")}
    cloud.api.delete_server(server["id"])
    cloud._wait_until_deleted(server)
    machine.broken = {}
    # The other server's guest would not survive this; libvirt and QEMU see it end.
    for other in cloud.api.get_servers():
        try_to(lambda other=other: cloud.api.post_server_action(other["id"], {"os-stop": None}))
    swap_addresses(cloud)
    cloud.round()
    rules.look(cloud)
    go_on(cloud)


def _namespace(cloud: Cloud) -> FakeNamespace:
    """The one that a server has."""
    pmem = cloud.machines[HOST].inner.pmem
    return next(one for one in pmem.namespaces.values() if cloud.machines[HOST].read(one.uuid))


def _meanwhile(cloud: Cloud, change: Callable[[FakeNamespace], None], mend: Callable[[FakeNamespace], None]) -> None:
    """Change a server's namespace, delete the server, mend it."""
    acts.started_with_a_server(cloud)
    namespace = _namespace(cloud)
    machine = cloud.machines[HOST]
    change(namespace)
    machine.keep()
    cloud.round()
    rules.kept(cloud)
    acts.delete(cloud)
    rules.look(cloud)
    mend(namespace)
    machine.keep()
    go_on(cloud)


def renamed(cloud: Cloud) -> None:
    """An operator gives the namespace another name, and its old one back later."""
    name = "ns0"

    def rename(namespace: FakeNamespace) -> None:
        nonlocal name
        name, namespace.name = str(namespace.name), "scratch"

    def restore(namespace: FakeNamespace) -> None:
        namespace.name = name

    _meanwhile(cloud, rename, restore)


def destroyed(cloud: Cloud) -> None:
    """An operator destroys the namespace under the server and makes a new one in its place."""
    pmem = lambda: cloud.machines[HOST].inner.pmem  # noqa: E731

    def make_anew(old: FakeNamespace) -> None:
        pmem().create(FakeNamespace(old.dev, old.name, uuid="00000000-0000-4000-8000-00000000beef"))

    _meanwhile(cloud, lambda namespace: [pmem().destroy(namespace.dev)].clear(), make_anew)


def disabled_under_its_guest(cloud: Cloud) -> None:
    """``ndctl disable-namespace`` while the guest runs; enabled again after the server is gone."""
    pmem = lambda: cloud.machines[HOST].inner.pmem  # noqa: E731
    _meanwhile(
        cloud, lambda namespace: pmem().enable(namespace.dev, False), lambda namespace: pmem().enable(namespace.dev)
    )


def disabled_and_enabled_under_its_guest(cloud: Cloud) -> None:
    """The same, but enabled again while the guest still runs."""
    pmem = lambda: cloud.machines[HOST].inner.pmem  # noqa: E731

    def both(namespace: FakeNamespace) -> None:
        pmem().enable(namespace.dev, False)
        cloud.machines[HOST].keep()
        cloud.round()
        pmem().enable(namespace.dev)

    _meanwhile(cloud, both, lambda _: None)
