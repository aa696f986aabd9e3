"""What an operator does after a fault, each time noted: it must not be necessary where it is not expected."""

from nova import context as nova_context
from nova import exception as nova_exception
from nova.objects.migration import Migration

from nova_accel.exception import AccelError
from tests.fakes.host import FakeSsd
from tests.faults import rules
from tests.faults.cloud import Cloud
from tests.faults.missing import entry_of, host_of, missing_in_ledger
from tests.faults.outcome import Word
from tests.faults.world import World

_SAID = "operator"


def heard(world: World) -> list[tuple[Word, str]]:
    """What an operator had to do so far."""
    return [(Word[name], sentence) for name, _, sentence in (line.partition(" ") for line in world.notes(_SAID))]


def _note(cloud: Cloud, word: Word, sentence: str) -> None:
    cloud.world.note(_SAID, f"{word.name} {sentence}")


def reset_unless_idle(cloud: Cloud, server: dict) -> None:
    """Put right what Nova left in the middle of something."""
    status, task = server["status"], server["OS-EXT-STS:task_state"]
    if status in ("ACTIVE", "SHUTOFF") and task is None:
        return
    _note(cloud, Word.STATE, f"server {server['id']}, which is {status} and {task}")
    cloud.api.post_server_action(server["id"], {"os-resetState": {"state": "active"}})


def speak(cloud: Cloud) -> None:
    """Do what an operator is told to do about what is left, the gentler thing first."""
    if not _withheld(cloud):
        _delete_allocations_of_moves(cloud)
    for word in (Word.CLEANING, Word.FOREIGN):
        for identity in _withheld(cloud):
            _note(cloud, word, f"{identity}: {entry_of(cloud, identity)}")
            _rebind(cloud, identity)
            _ask_for_cleaning(cloud, identity, erase_foreign_data=word is Word.FOREIGN)
        cloud.round()
        cloud.round()
        rules.look(cloud)


def _withheld(cloud: Cloud) -> list[str]:
    return sorted(identity for host in cloud.computes for identity in missing_in_ledger(cloud, host))


def _ask_for_cleaning(cloud: Cloud, identity: str, *, erase_foreign_data: bool) -> None:
    operator = cloud.ledger(host_of(cloud, identity)).operator
    try:
        operator.undrain(identity)
        operator.ask_for_cleaning(identity, erase_foreign_data=erase_foreign_data)
    except AccelError as error:
        print(f"the operator was refused: {error}")


def _delete_allocations_of_moves(cloud: Cloud) -> None:
    """What Nova leaves in Placement, processors and memory included, where a server is deleted in the middle of a move that was cut."""
    for name, provider in cloud.our_providers().items():
        for consumer in cloud._get_allocations_by_provider_uuid(provider["uuid"]):
            if _is_a_move(consumer):
                _note(cloud, Word.ALLOCATION, f"openstack resource provider allocation delete {consumer}, of {name}")
                cloud.placement.delete(f"/allocations/{consumer}")
    cloud.round()
    rules.look(cloud)


def _is_a_move(consumer: str) -> bool:
    try:
        Migration.get_by_uuid(nova_context.get_admin_context(), consumer)
    except nova_exception.MigrationNotFound:
        return False
    return True


def _rebind(cloud: Cloud, identity: str) -> None:
    """What the verdict on an SSD says that is on vfio-pci and of which the ledger knows nothing."""
    machine = cloud.machines[host_of(cloud, identity)]
    device = machine.devices()[identity]
    if isinstance(device, FakeSsd) and device.bound_to == "vfio-pci" and entry_of(cloud, identity) is None:
        machine.inner.bring_back(device.address)
        machine.inner.settle(device.address)
        machine.keep()
        cloud.round()
