"""What goes on in a life that may be killed: the pieces that scenes are made of."""

from collections.abc import Callable
from pathlib import Path

import fixtures
import nova.tests.functional  # noqa: F401  it has to be the first of Nova's

from nova_accel.exception import PrivilegedCallError
from nova_accel.ledger.states import State
from nova_accel.virt import save_room
from tests.faults.cloud import HOST, OTHER_HOST, Cloud
from tests.functional import base

_PMEM = "CUSTOM_PMEM_NAMESPACE_6GB"

# What the SSDs' controllers can do, where that is something else; see :class:`tests.fakes.host.FakeSsd`.
NO_FORMAT: dict[str, object] = {"can_format": False}
SANITIZES: dict[str, object] = {"sanitizes": ("sanitize-block",)}
READS_AS_A_PATTERN: dict[str, object] = {"reads_after_erase": b"~", "size_bytes": 1024**2}


def start(cloud: Cloud) -> None:
    """nova-compute starts."""
    cloud.start()


def boot(cloud: Cloud, state: str = "ACTIVE") -> dict:
    """A server with an SSD and a namespace; its guest writes on both."""
    return cloud.boot(both(cloud), state)


def both(cloud: Cloud) -> str:
    """A flavor that asks for an SSD and a namespace."""
    return cloud.ssd_flavor(**{f"resources2__{_PMEM}": "1", "group_policy": "none"})


def started_with_a_server(cloud: Cloud) -> None:
    cloud.start()
    boot(cloud)


def delete(cloud: Cloud) -> None:
    for server in cloud.api.get_servers():
        cloud.api.delete_server(server["id"])
        cloud._wait_until_deleted(server)
    cloud.round()


def started_with_a_server_on(**abilities: object) -> Callable[[Cloud], None]:
    """The same, where the SSDs' controllers can do other things."""

    def prepare(cloud: Cloud) -> None:
        machine = cloud.open_machine()
        for ssd in machine.inner.ssds.values():
            for name, value in abilities.items():
                assert hasattr(ssd, name)
                setattr(ssd, name, value)
        machine.keep()
        started_with_a_server(cloud)

    return prepare


def reboot_hard(cloud: Cloud) -> None:
    (server,) = cloud.api.get_servers()
    cloud._reboot_server(server, hard=True)


def rebuild(cloud: Cloud) -> None:
    """Nova has its content erased, and it keeps its devices."""
    (server,) = cloud.api.get_servers()
    cloud._rebuild_server(server, "155d900f-4e14-4e4c-a73d-069cbf4541e6")


def shelve(cloud: Cloud) -> None:
    (server,) = cloud.api.get_servers()
    cloud.flags(shelved_offload_time=0)
    cloud._shelve_server(server, expected_state="SHELVED_OFFLOADED")
    cloud.round()


def shelved(cloud: Cloud) -> None:
    started_with_a_server(cloud)
    shelve(cloud)


def unshelve(cloud: Cloud) -> None:
    """It gets clean devices anew."""
    _do(cloud, {"unshelve": None}, "ACTIVE")
    cloud.round()


def rescue(cloud: Cloud) -> None:
    """Its devices are in the rescued guest too."""
    (server,) = cloud.api.get_servers()
    # Where Nova keeps the XML from before; its fake image backend makes no folder.
    Path(base.CONF.instances_path, server["id"]).mkdir(parents=True)
    _do(cloud, {"rescue": {}}, "RESCUE")
    cloud.round()


def rescued(cloud: Cloud) -> None:
    started_with_a_server(cloud)
    rescue(cloud)


def unrescue(cloud: Cloud) -> None:
    """The XML from before is started."""
    _do(cloud, {"unrescue": None}, "ACTIVE")
    cloud.round()


def started_to_be_suspended(cloud: Cloud) -> None:
    """A server with two SSDs, which leave one after the other, and with a namespace, for which there is room where guests are saved."""
    cloud.flags(suspend_with_pmem=True, group="nova_accel")
    # Nova waits for an event that the fake libvirt has sent before.
    cloud.flags(device_detach_timeout=1, group="libvirt")
    cloud.useFixture(fixtures.MockPatchObject(save_room.os, "statvfs", base.room_for(32)))
    cloud.start()
    asked = {"resources1__CUSTOM_SSD": "1", "resources2__CUSTOM_SSD": "1", f"resources3__{_PMEM}": "1"}
    cloud.boot(cloud.flavor(**asked, group_policy="none"))


def suspend(cloud: Cloud) -> None:
    _do(cloud, {"suspend": None}, "SUSPENDED")
    cloud.round()


def suspended(cloud: Cloud) -> None:
    started_to_be_suspended(cloud)
    suspend(cloud)


def resume(cloud: Cloud) -> None:
    _do(cloud, {"resume": None}, "ACTIVE")
    cloud.round()


def started_for_a_cold_snapshot(cloud: Cloud) -> None:
    """As on hosts whose disks cannot be read while a guest runs."""
    cloud.flags(disable_libvirt_livesnapshot=True, group="workarounds")
    started_to_be_suspended(cloud)


def take_a_snapshot(cloud: Cloud) -> None:
    """The running guest is saved for it, without its SSDs, and resumed."""
    (server,) = cloud.api.get_servers()
    cloud._snapshot_server(server, "cold")
    cloud._wait_for_server_parameter(server, {"OS-EXT-STS:task_state": None})
    cloud.round()


def _do(cloud: Cloud, action: dict[str, object], state: str) -> None:
    (server,) = cloud.api.get_servers()
    cloud.api.post_server_action(server["id"], action)
    cloud._wait_for_state_change(server, state)


def resize(cloud: Cloud) -> None:
    """The only host has a second SSD and a second namespace for it."""
    cloud.flags(allow_resize_to_same_host=True)
    cloud.have_no_disks()
    (server,) = cloud.api.get_servers()
    cloud._resize_server(server, both(cloud))
    cloud.round()


def resized(cloud: Cloud) -> None:
    started_with_a_server(cloud)
    resize(cloud)


def started_with_a_server_and_another_host(cloud: Cloud) -> None:
    cloud.start()
    cloud.boot(both(cloud))
    cloud.start(OTHER_HOST)


def migrate(cloud: Cloud) -> None:
    """To the other host, where it gets other devices."""
    cloud.have_no_disks()
    _do(cloud, {"migrate": None}, "VERIFY_RESIZE")
    cloud.round()


def migrated(cloud: Cloud) -> None:
    started_with_a_server_and_another_host(cloud)
    migrate(cloud)


def confirm(cloud: Cloud) -> None:
    _do(cloud, {"confirmResize": None}, "ACTIVE")
    cloud.round()


def revert(cloud: Cloud) -> None:
    _do(cloud, {"revertResize": None}, "ACTIVE")
    cloud.round()


def refuse(call: str) -> Callable[[], None]:
    """What a call does that root's side refuses."""

    def broken() -> None:
        raise PrivilegedCallError(call, "refused, because this is a fault")

    return broken


def boot_refused(cloud: Cloud) -> None:
    machine = cloud.machines[HOST]
    machine.broken = {"check_namespace": refuse("check_namespace"), "link_namespace": refuse("link_namespace")}
    try:
        boot(cloud, "ERROR")
    finally:
        machine.broken = {}


def host_mounts_one(cloud: Cloud) -> None:
    machine = cloud.machines[HOST]
    machine.inner.mount("0000:01:00.0", "/mnt")
    machine.keep()
    cloud.round()
    machine.inner.mount("0000:01:00.0", "")
    machine.keep()


def cannot_be_erased(cloud: Cloud) -> None:
    _set_erases(cloud, erases=False)
    delete(cloud)


def was_not_erased(cloud: Cloud) -> None:
    started_with_a_server(cloud)
    cannot_be_erased(cloud)


def cannot_be_erased_from_the_start(cloud: Cloud) -> None:
    """Ends with a released server's bytes on its devices, which can be erased again from then on."""
    was_not_erased(cloud)
    _set_erases(cloud, erases=True)


def copied_then_dirty(cloud: Cloud) -> None:
    """The same, with a copy of the ledger from before the server."""
    cloud.start()
    cloud.world.copy_ledger(HOST)
    boot(cloud)
    cannot_be_erased(cloud)
    _set_erases(cloud, erases=True)


def erased_at_last(cloud: Cloud) -> None:
    _set_erases(cloud, erases=True)
    for entry in cloud.ledger().entries().values():
        if entry.state is State.CLEAN_FAILED:
            cloud.ledger().operator.ask_for_cleaning(entry.handle.identity, erase_foreign_data=False)
    cloud.round()
    cloud.round()


def _set_erases(cloud: Cloud, *, erases: bool) -> None:
    for device in cloud.machines[HOST].devices().values():
        device.erases = erases
    cloud.machines[HOST].keep()


def booted_and_deleted(cloud: Cloud) -> None:
    started_with_a_server(cloud)
    delete(cloud)


def started_and_round(cloud: Cloud) -> None:
    cloud.start()
    cloud.round()


def started_and_ledger_copied(cloud: Cloud) -> None:
    cloud.start()
    cloud.world.copy_ledger(HOST)
    boot(cloud)


def started_copied_and_stopped(cloud: Cloud) -> None:
    """The same; and the server is stopped, so that no guest shows whose its devices are."""
    started_and_ledger_copied(cloud)
    stop(cloud)


def started_and_stopped(cloud: Cloud) -> None:
    started_with_a_server(cloud)
    stop(cloud)


def stop(cloud: Cloud) -> None:
    _do(cloud, {"os-stop": None}, "SHUTOFF")


def start_again(cloud: Cloud) -> None:
    """The server that was stopped."""
    _do(cloud, {"os-start": None}, "ACTIVE")
